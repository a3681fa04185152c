"""Content out of quoted-printable, block by block."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Iterator

from postroom.core.raw import Defects

_LONGEST_GAP = 1024 * 1024  # bytes of blanks that may turn out to be the end of a line
# Blanks at the end of a line were added on the way (RFC 2045 6.7 (3)).
_TRAILING_BLANKS = re.compile(rb"(?<![ \t])[ \t]++(?=\r?\n)")
_BAD_ESCAPE = re.compile(rb"=(?![0-9A-Fa-f]{2}|\r?\n)")
_LOOSE_EQUALS = re.compile(rb"=(?![0-9A-Fa-f]{2}|[\r\n])")
_BREAK_AT_CR = re.compile(rb"=\r(?!\n)")


def quoted_printable_decoded(blocks: Iterable[bytes], defects: Defects) -> Iterator[bytes]:
    """Yield the content of quoted-printable that is cut into `blocks` anywhere (RFC 2045 6.7)."""
    for text in _settled_blocks(blocks):
        blanks = b" \n" in text or b" \r\n" in text or b"\t" in text
        lines = _TRAILING_BLANKS.sub(b"", text) if blanks else text
        if _BAD_ESCAPE.search(lines):
            defects["damaged quoted-printable"] = None
            lines = _BREAK_AT_CR.sub(b"", _LOOSE_EQUALS.sub(b"=3D", lines))
        yield binascii.a2b_qp(lines) if b"=" in lines else lines


def _settled_blocks(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the text in pieces to be decoded one by one, without the blanks and the "=" at its end."""
    waiting = bytearray()
    for block in blocks:
        waiting += block
        if not block.strip(b" \t") and len(waiting) < _LONGEST_GAP:
            continue
        text = bytes(waiting)
        settled = _settled(text) if len(waiting) < _LONGEST_GAP else len(text)
        if settled:
            yield text[:settled]
        waiting = bytearray(text[settled:])
    text = bytes(waiting).rstrip(b" \t")
    if text:
        yield text.removesuffix(b"=")


def _settled(text: bytes) -> int:
    """Return the length of what does not depend on the bytes behind `text`."""
    lines = text.rfind(b"\n") + 1
    if lines:
        return lines
    shown = len(text.removesuffix(b"\r").rstrip(b" \t"))
    escape = text.rfind(b"=", max(0, shown - 2), shown)
    return shown if escape < 0 else escape
