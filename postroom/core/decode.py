"""The content of a part out of its transfer encoding, and a status that says how well that went."""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import pybase64

from postroom.core.headers import Raw
from postroom.core.part import Part

Status = Literal["ok", "repaired", "failed"]

# A sender decides how many lines and runs there are: what is built for each of them is gone with its block.
_BLOCK = 64 * 1024
_FEW = 10_000  # so many lines or runs may be as short as they like
_SHORTEST = 32  # bytes of text for each line or run that comes on top of them
_LOST_BLANKS = 1024 * 1024  # bytes of uuencode that may be content without a letter for it

_BLANKS = b" \t\r\n\f\v"
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_NOT_BASE64 = bytes(code for code in range(256) if code not in _BASE64)
_PADDING = (b"", b"", b"==", b"=")  # by the letters over
_LETTER = re.compile(rb"[A-Za-z0-9+/]")
_RUN = re.compile(rb"[^=]++")
_LINE_END = re.compile(rb"[\r\n]")
_BASE64_LINE = re.compile(rb"(?:\A|[\r\n])[ \t\f\v]*+([A-Za-z0-9+/=]++)[ \t\f\v]*+(?=[\r\n]|\Z)")
# Blanks at the end of a line were added on the way (RFC 2045 6.7 (3)).
_TRAILING_BLANKS = re.compile(rb"(?<![ \t])[ \t]++(?=\r?\n)")
_BLANK_RUN = re.compile(rb"[ \t]*+")
_BAD_ESCAPE = re.compile(rb"=(?![0-9A-Fa-f]{2}|\r?\n)")
_LOOSE_EQUALS = re.compile(rb"=(?![0-9A-Fa-f]{2}|[\r\n])")
_BREAK_AT_CR = re.compile(rb"=\r(?!\n)")
_UU_BEGIN = re.compile(rb"(?:\A|(?<=\n))begin(?:-base64)?[ \t]+[0-7]{3,4}[^\n]*\n")
_UU_LINE = re.compile(rb"(?<!\r)\r*+[^\r\n][^\n]*+")  # one that is not blank


@dataclass(frozen=True, slots=True)
class Decoded:
    """Decoded content.  "repaired": damaged, and what could be decoded is here; "failed": nothing could."""

    content: bytes
    status: Status = "ok"
    defects: tuple[str, ...] = ()


def decode(raw: Raw, part: Part) -> Decoded:
    """Return the content of `part`, a part of `raw`.

    Line ends and charset stay as they are.  An encoding nobody knows is taken as none and said.  Never
    raises; time and memory are linear in the length, whatever the shape of the bytes.
    """
    body = bytes(raw[part.body_start : part.body_end])
    known = _DECODERS.get(part.transfer_encoding)
    if known is None:
        return Decoded(body, "repaired", ("unknown transfer encoding",))
    return known(body)


def _as_is(body: bytes) -> Decoded:
    return Decoded(body)


def _most_pieces(size: int) -> int:
    """Return how many lines or runs a text of `size` bytes may be decoded in one by one."""
    return _FEW + size // _SHORTEST


def _base64(body: bytes) -> Decoded:
    try:
        return Decoded(pybase64.b64decode(body.translate(None, _BLANKS), validate=True))
    except binascii.Error:
        return _damaged_base64(body)


def _damaged_base64(body: bytes) -> Decoded:
    """Decode run by run: each "=" ends one, for senders join files that were encoded one by one."""
    defects: dict[str, None] = {}
    if body.translate(None, _BASE64 + _BLANKS):
        defects["other characters in base64"] = None
    padding = body.find(b"=")
    if padding >= 0 and _LETTER.search(body, padding):
        defects["base64 goes on behind its padding"] = None
        content = _runs(_without_footer(body, padding), defects)
    else:
        content = _runs(body.translate(None, _NOT_BASE64), defects)
    if not defects:
        defects["base64 padding wrong"] = None
    return Decoded(content, "repaired" if content else "failed", tuple(defects))


def _runs(letters: bytes, defects: dict[str, None]) -> bytes:
    content, end = bytearray(), 0
    for run in islice(_RUN.finditer(letters), _most_pieces(len(letters))):
        end = run.end()
        content += _run(memoryview(letters)[run.start() : end], defects)
    letters = letters[end:].translate(None, b"=")
    if letters:
        defects["too many runs of base64"] = None
        content += _run(memoryview(letters), defects)
    return bytes(content)


def _run(run: memoryview, defects: dict[str, None]) -> bytes:
    over = len(run) % 4
    whole = pybase64.b64decode(run[: len(run) - over])
    if over == 1:  # six bits are no byte
        defects["base64 cut short"] = None
        return whole
    return whole + pybase64.b64decode(bytes(run[len(run) - over :]) + _PADDING[over]) if over else whole


def _without_footer(body: bytes, padding: int) -> bytes:
    """Return the base64 of `body`; behind its padding only lines of nothing else count.

    A mailing list puts its footer there, and the letters of a sentence would pass for base64.
    """
    pieces = [body[:padding].translate(None, _NOT_BASE64), b"="]
    pieces += [b"".join(_BASE64_LINE.findall(block)) for block in _whole_lines(body, padding)]
    return b"".join(pieces)


def _whole_lines(body: bytes, at: int) -> Iterator[bytes]:
    """Yield `body` from `at` on in blocks of whole lines; a line that is longer than a block is one."""
    while at < len(body):
        block = body[at : at + _BLOCK]
        ends = max(block.rfind(b"\n"), block.rfind(b"\r")) + 1
        if not ends:
            found = _LINE_END.search(body, at + len(block))
            block = body[at : found.end() if found else len(body)]
        elif at + len(block) < len(body):
            block = block[:ends]
        yield block
        at += len(block)


def _quoted_printable(body: bytes) -> Decoded:
    content, damaged = bytearray(), False
    for block in _settled_blocks(body):
        blanks = b" \n" in block or b" \r\n" in block or b"\t" in block
        lines = _TRAILING_BLANKS.sub(b"", block) if blanks else block
        if _BAD_ESCAPE.search(lines):
            damaged = True
            lines = _BREAK_AT_CR.sub(b"", _LOOSE_EQUALS.sub(b"=3D", lines))
        content += binascii.a2b_qp(lines) if b"=" in lines else lines
    if damaged:
        return Decoded(bytes(content), "repaired", ("damaged quoted-printable",))
    return Decoded(bytes(content))


def _settled_blocks(body: bytes) -> Iterator[bytes]:
    """Yield quoted-printable in blocks to decode one by one, without the blanks and "=" at its end."""
    stop = len(body.rstrip(b" \t"))
    stop -= body.endswith(b"=", 0, stop)
    at = 0
    while at < stop:
        run = _BLANK_RUN.match(body, at + 2)  # behind an escape: so no block has only what is not settled
        end = (run.end() if run else at) + _BLOCK
        block = body[at : min(end, stop)]
        if end < stop:
            block = block[: _settled(block)]
        yield block
        at += len(block)


def _settled(block: bytes) -> int:
    """Return the length of what does not depend on the bytes behind `block`."""
    lines = block.rfind(b"\n") + 1
    if lines:
        return lines
    shown = len(block.removesuffix(b"\r").rstrip(b" \t"))
    escape = block.rfind(b"=", shown - 2, shown)
    return shown if escape < 0 else escape


def _uuencode(body: bytes) -> Decoded:
    begin = _UU_BEGIN.search(body)
    if begin is None:
        return Decoded(b"", "failed", ("no uuencoded file in it",))
    content, defects = bytearray(), dict[str, None]()
    most, longest = _most_pieces(len(body)), len(body) + _LOST_BLANKS
    for count, found in enumerate(_UU_LINE.finditer(body, begin.end())):
        line = found.group()
        if line.strip() == b"end":
            return Decoded(bytes(content), "repaired" if defects else "ok", tuple(defects))
        if count >= most or len(content) > longest:
            defects["uuencode out of proportion"] = None
            break
        content += _uu_line(line.rstrip(b"\r"), defects)
    else:
        defects["uuencode cut short"] = None
    return Decoded(bytes(content), "repaired" if content else "failed", tuple(defects))


def _uu_line(line: bytes, defects: dict[str, None]) -> bytes:
    if not line:
        return b""
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        defects["damaged uuencode"] = None
    length = (((line[0] - 32) & 63) * 4 + 5) // 3  # some encoders write more than the length says
    try:
        return binascii.a2b_uu(line[:length])
    except binascii.Error:
        return b""


_DECODERS: dict[str, Callable[[bytes], Decoded]] = {
    "": _as_is,
    "7bit": _as_is,
    "8bit": _as_is,
    "binary": _as_is,
    "7-bit": _as_is,
    "8-bit": _as_is,
    "base64": _base64,
    "base-64": _base64,
    "quoted-printable": _quoted_printable,
    "uuencode": _uuencode,
    "x-uuencode": _uuencode,
    "x-uue": _uuencode,
    "uue": _uuencode,
}
