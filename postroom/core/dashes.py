"""The lines of a mail that begin with "--", found a window at a time: any of them may be a boundary."""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass

from postroom.core.raw import Raw

_WINDOW = 256 * 1024  # bytes
_LONGEST = 1_000  # bytes of a line; RFC 2046 5.1.1 allows 70 for a boundary, a line may have 998
_WITH_LF = re.compile(rb"\n--([^\n]{0,%d})" % _LONGEST)
_WITH_CR = re.compile(rb"[\r\n]--([^\r\n]{0,%d})" % _LONGEST)
_END_WITH_LF = re.compile(rb"\n")
_END_WITH_CR = re.compile(rb"\r\n?|\n")


@dataclass(frozen=True, slots=True)
class Boundary:
    """A boundary line: where the line break in front is, where it ends, what follows the "--"."""

    line_break: int
    end: int
    line: bytes


class DashedLines:
    """The dashed lines of one mail, asked for from the top down; all asking together reads the mail once."""

    def __init__(self, raw: Raw, *, bare_cr: bool) -> None:
        self._raw, self._end = raw, len(raw)
        self._pattern = _WITH_CR if bare_cr else _WITH_LF
        self._line_end = _END_WITH_CR if bare_cr else _END_WITH_LF
        self._base, self._window = 0, b""

    def after(self, position: int, wanted: Container[bytes]) -> Boundary | None:
        """Return the first line from `position` on that is one of `wanted`, blanks at its end aside."""
        while position < self._end:
            self._look_at(position)
            torn = -1
            for hit in self._pattern.finditer(self._window, position - self._base):
                if hit.end() == len(self._window) and self._base + hit.end() < self._end:
                    torn = hit.start()
                    break
                line = hit.group(1).rstrip(b" \t\r")
                if line in wanted:
                    return Boundary(self._base + hit.start(), self._base + hit.end(), line)
            position = self._base + torn if torn >= 0 else self._behind()
        return None

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

    def _behind(self) -> int:
        """Return where to go on behind the window: a line break and dashes at its end count again."""
        behind = self._base + len(self._window)
        return behind if behind >= self._end else behind - 2
