"""The boundary lines of a mail, found a window at a time."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from postroom.core.raw import Raw

_WINDOW = 64 * 1024  # bytes
_LONGEST = 1_000  # bytes of a line; RFC 2046 5.1.1 allows 70 for a boundary, a line may have 998
_MANY = 100  # lines that only begin like a boundary
_WITH_LF = re.compile(rb"--([^\n]{0,%d})" % _LONGEST)
_WITH_CR = re.compile(rb"--([^\r\n]{0,%d})" % _LONGEST)
_END_WITH_LF = re.compile(rb"\n")
_END_WITH_CR = re.compile(rb"\r\n?|\n")


@dataclass(frozen=True, slots=True)
class Boundary:
    """A boundary line: where the line break in front is, where it ends, what follows the "--"."""

    line_break: int
    end: int
    line: bytes


class DashedLines:
    """The lines of one mail that begin with "--"; asked for from the top down, they cost one look at it."""

    def __init__(self, raw: Raw, *, bare_cr: bool) -> None:
        self._raw, self._end = raw, len(raw)
        self._pattern = _WITH_CR if bare_cr else _WITH_LF
        self._line_end = _END_WITH_CR if bare_cr else _END_WITH_LF
        self._breaks = b"\r\n" if bare_cr else b"\n"
        self._base, self._window = 0, b""

    def after(self, position: int, wanted: Collection[bytes], prefix: bytes = b"") -> Boundary | None:
        """Return the first line from `position` on that is one of `wanted`, blanks at its end aside.

        All of `wanted` begin with `prefix`; the longer it is, the faster the search.
        """
        misses, find = 0, self._found
        while position < self._end:
            self._look_at(position)
            at, line = find(position - self._base, b"--" + prefix, wanted)
            if at < 0:
                position = self._behind(len(prefix) + 2)
                continue
            behind = at + 3 + len(line)
            if behind == len(self._window) and self._base + behind < self._end:
                position = self._base + at  # torn apart: it is whole in the next window
                continue
            if line.rstrip(b" \t\r") in wanted:
                return Boundary(self._base + at, self._base + behind, line.rstrip(b" \t\r"))
            position = self._base + at + 1
            misses += 1
            if misses > _MANY:  # made to look like boundaries: those are told apart in one go
                find = self._found_exactly
        return None

    def _found(self, at: int, needle: bytes, wanted: Collection[bytes]) -> tuple[int, bytes]:
        """Return the offset of the line break before the next line that begins like one, and that line."""
        window = self._window
        if window.find(b"-", at + 1) < 0:  # as in all of base64, and ten times as fast as to look for a word
            return -1, b""
        found = window.find(needle, at + 1)
        while found >= 0 and window[found - 1] not in self._breaks:
            found = self._next_of_a_line(needle, found)
        line = self._pattern.match(window, found) if found >= 0 else None
        return (found - 1, line.group(1)) if line else (-1, b"")

    def _next_of_a_line(self, needle: bytes, found: int) -> int:
        """Return the next offset of `needle` behind a line break, or -1."""
        offsets = (self._window.find(bytes((code,)) + needle, found) for code in self._breaks)
        return min((offset + 1 for offset in offsets if offset >= 0), default=-1)

    def _found_exactly(self, at: int, needle: bytes, wanted: Collection[bytes]) -> tuple[int, bytes]:
        longest_first = sorted(wanted, key=lambda word: len(word), reverse=True)  # noqa: PLW0108  (types)
        words = b"|".join(re.escape(word) for word in longest_first)
        exact = re.compile(rb"[" + self._breaks + rb"]--((?:" + words + rb")[ \t\r]{0,1000}+)(?=[\r\n]|\Z)")
        found = exact.search(self._window, at)
        return (found.start(), found.group(1)) if found else (-1, b"")

    def next_line(self, position: int) -> int:
        """Return where the line behind the one at `position` begins."""
        while position < self._end:
            self._look_at(position)
            found = self._line_end.search(self._window, position - self._base)
            at_the_edge = found and found.end() == len(self._window) and found.group() == b"\r"
            if found and not at_the_edge:
                return self._base + found.end()
            behind = self._base + len(self._window)
            if behind >= self._end:
                return self._end
            position = behind - 1 if at_the_edge else behind
        return self._end

    def _look_at(self, position: int) -> None:
        """Move the window so that a line from `position` on is whole in it, or else the mail ends."""
        behind = self._base + len(self._window)
        if position < self._base or position + 2 * _LONGEST > behind < self._end:
            self._base, self._window = position, self._raw[position : position + _WINDOW]

    def _behind(self, needle: int) -> int:
        """Return where to go on behind the window: a needle that is torn apart by its end counts again."""
        behind = self._base + len(self._window)
        return behind if behind >= self._end else behind - needle
