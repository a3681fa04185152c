"""Files out of yEnc, the 8-bit encoding of Usenet, block by block (yEnc draft 1.3)."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator

from postroom.core.raw import Defects, whole_lines

BEGIN = re.compile(rb"(?:\A|(?<=[\r\n]))=ybegin ([^\r\n]*)(?:\r?\n|\r|\Z)")
"""The line on top of an encoded file; behind its other fields stands name=, up to the end of the line."""

END = re.compile(rb"(?:\A|(?<=[\r\n]))=yend([^\r\n]*)")
_PART = re.compile(rb"(?:\A|(?<=[\r\n]))=ypart [^\r\n]*(?:\r?\n|\r|\Z)")
_NUMBER = re.compile(rb"(?:^| )(size|part|total)=([0-9]{1,15})(?= |$)")
_CHECKSUM = re.compile(rb" (pcrc32|crc32)=([0-9A-Fa-f]{1,8})(?![0-9A-Fa-f])")
_SHIFTED = bytes((code - 42) % 256 for code in range(256))
_ESCAPED = [bytes(((code - 106) % 256,)) for code in range(256)]


def name(begin: bytes) -> bytes:
    """Return the file's name out of what stands behind "=ybegin "."""
    return begin.partition(b"name=")[2].strip()


def yenc_decoded(blocks: Iterable[bytes], defects: Defects) -> Iterator[bytes]:
    """Yield the first file in a text that is cut into `blocks` anywhere; size and checksum are checked."""
    coming = whole_lines(blocks)
    for lines in coming:
        begin = BEGIN.search(lines)
        if begin:
            yield from _file(begin.group(1), lines[begin.end() :], coming, defects)
            return
    defects["no yEnc file in it"] = None


def _file(begin: bytes, first: bytes, coming: Iterable[bytes], defects: Defects) -> Iterator[bytes]:
    said = {key: int(value) for key, value in _NUMBER.findall(begin.partition(b"name=")[0])}
    if b"part" in said and said.get(b"total") != 1:
        defects["piece of a larger yEnc file"] = None
    checksum, size, escape = 0, 0, b""
    for lines in _chained(_PART.sub(b"", first, count=1), coming):
        end = END.search(lines)
        text = escape + (lines[: end.start()] if end else lines).translate(None, b"\r\n")
        escape = b"=" if text.endswith(b"=") else b""
        content = _unshifted(text.removesuffix(b"="))
        checksum, size = zlib.crc32(content, checksum), size + len(content)
        yield content
        if end:
            _compare(end.group(1), size, checksum, defects)
            return
    defects["yEnc cut short"] = None


def _chained(first: bytes, coming: Iterable[bytes]) -> Iterator[bytes]:
    yield first
    yield from coming


def _unshifted(text: bytes) -> bytes:
    plain, *escaped = text.split(b"=")
    content = bytearray(plain.translate(_SHIFTED))
    for piece in escaped:
        if piece:  # else an escaped "=", which no encoder writes
            content += _ESCAPED[piece[0]]
            content += piece[1:].translate(_SHIFTED)
    return bytes(content)


def _compare(end: bytes, size: int, checksum: int, defects: Defects) -> None:
    sizes = {int(value) for key, value in _NUMBER.findall(end) if key == b"size"}
    checksums = {key: int(value, 16) for key, value in _CHECKSUM.findall(end)}
    wanted = checksums.get(b"pcrc32", checksums.get(b"crc32", checksum))
    if (sizes and size not in sizes) or wanted != checksum:
        defects["yEnc size or checksum wrong"] = None
