"""Files out of uuencode, block by block: those that are a part's whole body and those inside a text."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Iterator

from postroom.core.base64_text import base64_decoded
from postroom.core.raw import Defects, whole_lines

# A letter may stand for 45 bytes whose blanks were lost: what comes out is held in step with what goes in.
_FEW = 10_000  # so many lines may be as short as they like
_SHORTEST = 32  # bytes of text for each line that comes on top of them
_LOST_BLANKS = 1024 * 1024  # bytes that may be content without a letter for it

BEGIN = re.compile(rb"(?:\A|(?<=[\r\n]))begin(-base64)?[ \t]+[0-7]{3,4}(?:[ \t]+([^\r\n]*))?(?:\r?\n|\r|\Z)")
"""The line on top of an encoded file (POSIX.1 uuencode): the mode for base64, and the file's name."""

_LINE = re.compile(rb"[^\r\n]++")  # one that is not blank
_BASE64_END = re.compile(rb"(?:\A|(?<=[\r\n]))====[ \t]*+(?=[\r\n]|\Z)")


def uuencode_decoded(blocks: Iterable[bytes], defects: Defects) -> Iterator[bytes]:
    """Yield the first file in a text that is cut into `blocks` anywhere."""
    coming = whole_lines(blocks)
    for lines in coming:
        begin = BEGIN.search(lines)
        if begin is None:
            continue
        rest = _chained(lines[begin.end() :], coming)
        yield from base64_decoded(_until_end(rest), defects) if begin.group(1) else _file(rest, defects)
        return
    defects["no uuencoded file in it"] = None


def is_uuencoded(line: bytes) -> bool:
    """Return whether a line is as long as its first letter says, or a blank or two shorter or longer."""
    if not line or not all(32 <= code <= 96 for code in line):  # noqa: PLR2004 - the alphabet: blank to grave
        return False
    letters = ((line[0] - 32) % 64 + 2) // 3 * 4
    return letters - 2 <= len(line) - 1 <= letters + 2


def _chained(first: bytes, coming: Iterable[bytes]) -> Iterator[bytes]:
    yield first
    yield from coming


def _until_end(chunks: Iterable[bytes]) -> Iterator[bytes]:
    for lines in chunks:
        end = _BASE64_END.search(lines)
        yield lines[: end.start()] if end else lines
        if end:
            return


def _file(chunks: Iterable[bytes], defects: Defects) -> Iterator[bytes]:
    count = consumed = size = 0
    for lines in chunks:
        consumed += len(lines)
        most, longest = _FEW + consumed // _SHORTEST, consumed + _LOST_BLANKS
        content = bytearray()
        for found in _LINE.finditer(lines):
            line = found.group()
            if line.strip() == b"end":
                yield bytes(content)
                return
            count += 1
            if count > most or size + len(content) > longest:
                defects["uuencode out of proportion"] = None
                yield bytes(content)
                return
            content += _decoded_line(line, defects)
        size += len(content)
        yield bytes(content)
    defects["uuencode cut short"] = None


def _decoded_line(line: bytes, defects: Defects) -> bytes:
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        defects["damaged uuencode"] = None
    length = (((line[0] - 32) & 63) * 4 + 5) // 3  # some encoders write more than the length says
    try:
        return binascii.a2b_uu(line[:length])
    except binascii.Error:
        return b""
