"""The header block: where each field lies and what it says; reading never raises, whatever the bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from postroom.core.header_grammar import Grammar, grammar_of
from postroom.core.limits import DEFAULT_LIMITS, Limits
from postroom.core.raw import BLOCK, Raw

NO_BLANK_LINE = "no blank line after the header"
"""The defect of a header whose end was guessed from the text that follows."""

_WINDOW = 16 * 1024  # bytes; nearly every header ends within them
_OVERLAP = 256  # bytes in which the end of a header that is too long is not torn apart
_BLANKS = (b"\r", b"\n", b" ", b"\t")
_LOST_IN_A_ROW = 3  # so many lines that are no field: this is text, the blank line before it is missing
_TOP = re.compile(rb"(?:\xef\xbb\xbf)?(?:>?From (?=[^ \t\r\n:]*[ \t]++[^:]))?")


class Field(NamedTuple):
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
        return self.body.translate(None, b"\r\n").strip(b" \t")


@dataclass(frozen=True, slots=True)
class HeaderBlock:
    """The fields from the top down, the offset where the body starts, and what was wrong."""

    fields: tuple[Field, ...]
    body_start: int
    defects: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()

    def first(self, name: str) -> Field | None:
        """Return the topmost field of that name, or None."""
        key, length = name.lower(), len(name)
        for field in self.fields:
            if len(field.name) == length and field.key == key:
                return field
        return None

    def every(self, name: str) -> Iterator[Field]:
        """Yield all fields of that name, from the top."""
        key, length = name.lower(), len(name)
        return (field for field in self.fields if len(field.name) == length and field.key == key)


def read_header_block(
    raw: Raw, start: int = 0, end: int | None = None, limits: Limits = DEFAULT_LIMITS
) -> HeaderBlock:
    """Return the fields between `start` and the first blank line, a line with "--" in front, or `end`.

    Offsets are bytes from the start of `raw`.  Never raises; linear.  Fields beyond `limits.header_fields`
    or `limits.header_bytes` are dropped and the limit is named; `body_start` is right all the same.
    """
    stop = len(raw) if end is None else max(start, min(end, len(raw)))
    for size in (_WINDOW, limits.header_bytes + _WINDOW):
        head = raw[start : min(stop, start + size)]
        reading = _Reading(head, start, limits, more=start + len(head) < stop)
        if reading.finish():
            return reading.block
    body_start = _body_start(raw, start + max(0, reading.position - 2), stop, reading.grammar)
    return reading.goes_on_to(body_start)


def _body_start(raw: Raw, at: int, stop: int, grammar: Grammar) -> int:
    """Return where the body starts of a header that is over its limit: it is looked for block by block."""
    while at < stop:
        text = raw[at : min(stop, at + BLOCK)]
        found = grammar.body.search(text)
        if found and (found.end() < len(text) or at + BLOCK >= stop):
            return at + found.end()
        at += BLOCK - _OVERLAP
    return stop


class _Reading:
    """One pass over the head of one block; `more` says that further bytes follow it."""

    def __init__(self, head: bytes, start: int, limits: Limits, *, more: bool) -> None:
        self.head, self.start, self.more, self.most = head, start, more, limits.header_fields
        self.cut = min(len(head), limits.header_bytes)
        self.last_break = max(head.rfind(b"\n"), head.rfind(b"\r"))
        self.grammar = grammar_of(head)
        self.position = 0
        self.fields: list[Field] = []
        self.defects: dict[str, None] = {}
        self.limits: dict[str, None] = {}
        self.first_lost: int | None = None
        self.lost_in_a_row = 0
        self.body_start: int | None = None

    def finish(self) -> bool:
        """Read; return False where only the bytes behind this head can tell where the block ends."""
        self._skip_top()
        ended = False
        while self.position < len(self.head) and not ended:
            ended = self._run() or self._step()
        if self.more and (self.body_start is None or self.body_start >= len(self.head)):
            return False
        self._end_at_the_end()
        return True

    @property
    def block(self) -> HeaderBlock:
        """Return what was read."""
        body_start = len(self.head) if self.body_start is None else self.body_start
        return HeaderBlock(
            tuple(self.fields), self.start + body_start, tuple(self.defects), tuple(self.limits)
        )

    def goes_on_to(self, body_start: int) -> HeaderBlock:
        """Return what was read of a block that goes on beyond the limit, up to that offset."""
        limits = tuple(self.limits) or ("header_bytes",)
        return HeaderBlock(tuple(self.fields), body_start, tuple(self.defects), limits)

    def _skip_top(self) -> None:
        """Step over a byte order mark and the "From " line that an mbox puts before a message."""
        found = _TOP.match(self.head)
        if not found or found.end() == 0:
            return
        mark = found.group().startswith(b"\xef")
        self.position += 3 if mark else 0
        if mark:
            self.defects["byte order mark on top"] = None
        if found.end() > self.position:
            self.defects["mbox line on top"] = None
            self._next_line(found.end())

    def _next_line(self, position: int) -> None:
        if self.head.startswith(b"\n", position):
            self.position = position + 1
            return
        line = self.grammar.line.match(self.head, position)
        self.position = line.end() if line else len(self.head)

    def _run(self) -> bool:
        """Read sound fields up to one that needs care, or to the end of the block: then return True."""
        head, here, room = self.head, self.position, self.most - len(self.fields)
        if self.lost_in_a_row or head.startswith(b"--", here):
            return False
        field, content = self.grammar.sound_field.match, self.grammar.sound_content.match
        fields: list[Field] = []
        while len(fields) < room and (found := field(head, here, self.cut)):
            name = found[1]
            if name[:8].lower() == b"content-" and not (found := content(head, here, self.cut)):
                break
            fields.append(Field(name.decode("ascii"), found[2].rstrip(b"\r"), self.start + here))
            here = found.end()
            if found[3] is not None:
                self.body_start = here
                break
        self.fields += fields
        self.position = here
        return self.body_start is not None

    def _step(self) -> bool:
        """Read one field or one lost line; return True when the block is at its end."""
        if self._ends_here():
            return True
        head, here = self.head, self.position
        found = self.grammar.field.match(head, here, self.cut)
        if found is None:
            return self._lose_line()
        if found.group(1)[:8].lower() == b"content-":
            found = self.grammar.content.match(head, here, self.cut) or found
        name = found.group(1).decode("ascii")
        self.fields.append(Field(name, found.group(2).rstrip(b"\r"), self.start + here))
        self.lost_in_a_row = 0
        if found.end() == self.cut < len(head):
            return self._give_up("header_bytes")
        self._next_line(found.end())
        return False

    def _ends_here(self) -> bool:
        here = self.position
        if self.head.startswith(_BLANKS, here) and (blank := self.grammar.blank.match(self.head, here)):
            self.body_start = blank.end()
        elif self.head.startswith(b"--", here):
            self.body_start = here
            self._end_at_lost()
        elif here >= self.cut:
            self._give_up("header_bytes")
        elif len(self.fields) >= self.most:
            self._give_up("header_fields")
        else:  # nobody knows yet whether a line that was torn apart is a field
            return self.more and here > self.last_break
        return True

    def _lose_line(self) -> bool:
        if self.first_lost is None or self.lost_in_a_row == 0:
            self.first_lost = self.position
        self.lost_in_a_row += 1
        self.defects["damaged header line"] = None
        if self.lost_in_a_row == _LOST_IN_A_ROW:
            self._end_at_lost()
            return True
        self._next_line(self.position)
        return False

    def _give_up(self, limit: str) -> bool:
        self.limits[limit] = None
        last = self.fields[-1].start - self.start if self.fields else self.position
        found = self.grammar.body.search(self.head, max(last, self.position - 2))
        self.body_start = found.end() if found else None
        return True

    def _end_at_lost(self) -> None:
        """Take the text that nothing divides from the header for the body."""
        if self.lost_in_a_row and self.first_lost is not None:
            self.body_start = self.first_lost
            self.defects[NO_BLANK_LINE] = None

    def _end_at_the_end(self) -> None:
        if self.body_start is None:
            self._end_at_lost()
