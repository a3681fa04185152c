"""Files inside a text, as mail carried them before MIME: uuencode and yEnc between other lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from postroom.core import uuencode, yenc
from postroom.core.part import Part
from postroom.core.raw import Raw, blocks, whole_lines
from postroom.core.words import clean, decode_words

_PEEK = 200  # bytes; a line of uuencode has 61 letters at most
_UU, _YENC = "x-uuencode", "x-yencode"
_BEGIN = re.compile(
    rb"(?:\A|(?<=[\r\n]))(?:begin(-base64)?[ \t]+[0-7]{3,4}(?:[ \t]+([^\r\n]*))?"
    rb"|=ybegin ([^\r\n]*))(?:\r?\n|\r|\Z)"
)
_ENDS = {
    _UU: re.compile(rb"(?:\A|(?<=[\r\n]))(?:end|====)[ \t]*+(?:\r?\n|\r|\Z)"),
    _YENC: re.compile(rb"(?:\A|(?<=[\r\n]))=yend[^\r\n]*(?:\r?\n|\r|\Z)"),
}


@dataclass(frozen=True, slots=True)
class _Begin:
    at: int
    name: bytes
    encoding: str


def embedded(raw: Raw, host: Part, start: int, end: int, *, most: int) -> list[Part]:
    """Return the files in the text raw[start:end] of `host` as parts of `raw`, at most `most`; linear.

    The first is called "1" below the path of `host`, and so on.  A line that only begins like a file is text:
    what follows it must be of that encoding.
    """
    found: list[Part] = []
    for begin, stop in _files(raw, start, end):
        if len(found) >= most:
            break
        found.append(
            Part(
                path=f"{host.path}.{len(found) + 1}",
                start=begin.at,
                body_start=begin.at,
                body_end=stop,
                content_type="application/octet-stream",
                filename=clean(decode_words(begin.name)),
                disposition="attachment",
                transfer_encoding=begin.encoding,
                depth=host.depth + 1,
            )
        )
    return found


def _files(raw: Raw, start: int, end: int) -> Iterator[tuple[_Begin, int]]:
    """Yield each file and where it ends: at its last line, at the next file, or with the text."""
    open_file: _Begin | None = None
    base = start
    for lines in whole_lines(blocks(raw, start, end)):
        at = 0
        for begin in (*_begins(raw, lines, base), None):
            limit = begin.at - base if begin else len(lines)
            closed = _ENDS[open_file.encoding].search(lines, at, limit) if open_file else None
            if open_file and (closed or begin):
                yield open_file, base + (closed.end() if closed else limit)
                open_file = None
            open_file, at = begin or open_file, limit
        base += len(lines)
    if open_file is not None:
        yield open_file, end


def _begins(raw: Raw, lines: bytes, base: int) -> Iterator[_Begin]:
    if b"begin" not in lines:
        return
    for begin in _BEGIN.finditer(lines):
        behind = base + begin.end()
        if begin.group(3) is not None:
            yield _Begin(base + begin.start(), yenc.name(begin.group(3)), _YENC)
        elif begin.group(1) or uuencode.is_uuencoded(_line(raw[behind : behind + _PEEK])):
            yield _Begin(base + begin.start(), begin.group(2) or b"", _UU)


def _line(peek: bytes) -> bytes:
    return re.split(rb"[\r\n]", peek, maxsplit=1)[0]
