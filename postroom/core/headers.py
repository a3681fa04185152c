"""The header block: where each field lies and what it says; reading never raises, whatever the bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from postroom.core.limits import DEFAULT_LIMITS, Limits

Raw = (
    bytes | bytearray | memoryview
)  # anything that slices like bytes; an mmap is wrapped in a memoryview first

NO_BLANK_LINE = "no blank line after the header"
"""The defect of a header whose end was guessed from the text that follows."""

_LOST_IN_A_ROW = 3  # so many lines that are no field: this is text, the blank line before it is missing


@dataclass(frozen=True, slots=True)
class Field:
    """One header field: `name` as written, `body` the raw bytes after the colon with folds still in it."""

    name: str
    body: bytes
    start: int

    @property
    def key(self) -> str:
        """Return the name as it is compared: lower case."""
        return self.name.lower()

    @property
    def unfolded(self) -> bytes:
        """Return the body on one line, without the blanks around it (RFC 5322 2.2.3)."""
        return re.sub(rb"\r\n|\r|\n", b"", self.body).strip(b" \t")


@dataclass(frozen=True, slots=True)
class HeaderBlock:
    """The fields from the top down, the offset where the body starts, and what was wrong."""

    fields: tuple[Field, ...]
    body_start: int
    defects: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()

    def first(self, name: str) -> Field | None:
        """Return the topmost field of that name, or None."""
        return next(self.every(name), None)

    def every(self, name: str) -> Iterator[Field]:
        """Yield all fields of that name, from the top."""
        key = name.lower()
        return (field for field in self.fields if field.key == key)


class _Grammar:
    """The patterns of a header whose lines end in one way; all of them take time linear in what they read."""

    def __init__(self, end: bytes, rest: bytes, before_end: bytes) -> None:
        # RFC 5322 2.2: printable ASCII but ":"; 4.5.1 allows blanks before the colon.
        name = rb"([!-9;-~]{1,255})[ \t]*:"
        self.field = re.compile(name + rb"(" + rest + rb"(?:" + end + rb"[ \t]" + rest + rb")*)")
        # A parameter at the start of a line is a fold whose blank was lost.
        fold = rb"(?:[ \t]|[A-Za-z0-9*_-]{1,80}[ \t]?=)"
        self.content = re.compile(name + rb"(" + rest + rb"(?:" + end + fold + rest + rb")*)")
        self.line = re.compile(rest + rb"(?:" + end + rb")?")
        self.blank = re.compile(rb"[ \t]*+" + before_end + rb"(?:" + end + rb"|\Z)")
        self.body = re.compile(end + rb"(?:(?=--)|" + before_end + end + rb")")


# Bare CR ends a line only where the first line ends so; in a mail with LF it is content, or else a sender
# could start a field where the server that wrote the field saw none (RFC 5322 2.3).
_WITH_LF = _Grammar(rb"\n", rb"[^\n]*", rb"\r*+")
_WITH_CR = _Grammar(rb"(?:\r\n?+|\n)", rb"[^\r\n]*", rb"")
_FIRST_BREAK = re.compile(rb"[\r\n]")
_LONE_CR = re.compile(rb"\r++(?!\n)")
_TOP = re.compile(rb"(?:\xef\xbb\xbf)?(?:>?From (?=[^ \t\r\n:]*[ \t]++[^:]))?")


def lines_end_in_cr(raw: Raw, start: int = 0, end: int | None = None) -> bool:
    """Return whether the first line ends in a CR that no LF follows, as old Macintosh files do."""
    end = len(raw) if end is None else end
    found = _FIRST_BREAK.search(raw, start, end)
    return found is not None and _LONE_CR.match(raw, found.start(), end) is not None


def read_header_block(
    raw: Raw, start: int = 0, end: int | None = None, limits: Limits = DEFAULT_LIMITS
) -> HeaderBlock:
    """Return the fields between `start` and the first blank line, a line with "--" in front, or `end`.

    Offsets are bytes from the start of `raw`.  Never raises; linear.  Fields beyond `limits.header_fields`
    or `limits.header_bytes` are dropped and the limit is named; `body_start` is right all the same.
    """
    stop = len(raw) if end is None else max(start, min(end, len(raw)))
    reading = _Reading(raw, start, stop, limits)
    while reading.position < stop and not reading.step():
        pass
    return reading.result()


class _Reading:
    """One pass over one header block."""

    def __init__(self, raw: Raw, start: int, stop: int, limits: Limits) -> None:
        self.raw, self.stop, self.most = raw, stop, limits.header_fields
        self.cut = min(stop, start + limits.header_bytes)
        self.grammar = _WITH_CR if lines_end_in_cr(raw, start, stop) else _WITH_LF
        self.position = start
        self.fields: list[Field] = []
        self.defects: dict[str, None] = {}
        self.limits: dict[str, None] = {}
        self.first_lost: int | None = None
        self.lost_in_a_row = 0
        self.body_start: int | None = None
        self._skip_top()

    def _skip_top(self) -> None:
        """Step over a byte order mark and the "From " line that an mbox puts before a message."""
        found = _TOP.match(self.raw, self.position, self.stop)
        if not found or found.end() == found.start():
            return
        mark = found.group().startswith(b"\xef")
        self.position += 3 if mark else 0
        if mark:
            self.defects["byte order mark on top"] = None
        if found.end() > self.position:
            self.defects["mbox line on top"] = None
            self._next_line(found.end())

    def _next_line(self, position: int) -> None:
        line = self.grammar.line.match(self.raw, position, self.stop)
        self.position = line.end() if line else self.stop

    def step(self) -> bool:
        """Read one field or one lost line; return True when the block is at its end."""
        raw, here = self.raw, self.position
        blank = self.grammar.blank.match(raw, here, self.stop)
        if blank:
            self.body_start = blank.end()
            return True
        if raw[here : here + 2] == b"--":
            self.stop = here
            return True
        if here >= self.cut or len(self.fields) >= self.most:
            return self._give_up("header_bytes" if here >= self.cut else "header_fields")
        found = self.grammar.field.match(raw, here, self.cut)
        if found is None:
            return self._lose_line()
        if found.group(1)[:8].lower() == b"content-":
            found = self.grammar.content.match(raw, here, self.cut) or found
        self.fields.append(Field(found.group(1).decode("ascii"), found.group(2).rstrip(b"\r"), here))
        self.lost_in_a_row = 0
        if found.end() == self.cut < self.stop:
            return self._give_up("header_bytes")
        self._next_line(found.end())
        return False

    def _lose_line(self) -> bool:
        if self.first_lost is None or self.lost_in_a_row == 0:
            self.first_lost = self.position
        self.lost_in_a_row += 1
        self.defects["damaged header line"] = None
        if self.lost_in_a_row == _LOST_IN_A_ROW:
            self.body_start = self.first_lost
            self.defects[NO_BLANK_LINE] = None
            return True
        self._next_line(self.position)
        return False

    def _give_up(self, limit: str) -> bool:
        self.limits[limit] = None
        last = self.fields[-1].start if self.fields else self.position
        found = self.grammar.body.search(self.raw, max(last, self.position - 2), self.stop)
        self.body_start = found.end() if found else self.stop
        return True

    def result(self) -> HeaderBlock:
        if self.body_start is None and self.lost_in_a_row and self.first_lost is not None:
            self.body_start = self.first_lost  # the text that nothing divides from the header
            self.defects[NO_BLANK_LINE] = None
        body_start = self.stop if self.body_start is None else self.body_start
        return HeaderBlock(tuple(self.fields), body_start, tuple(self.defects), tuple(self.limits))
