"""Where the parts of a message lie: one pass over the raw bytes, by offsets, whatever the bytes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from postroom.core.dashes import Boundary, DashedLines
from postroom.core.header_grammar import lines_end_in_cr
from postroom.core.headers import HeaderBlock, read_header_block
from postroom.core.limits import DEFAULT_LIMITS, Limits
from postroom.core.part import Declared, Part, declared
from postroom.core.raw import Raw

_TOP = 16 * 1024  # bytes in which the first line ends
_PEEK = 4_096  # bytes of a body in which an undeclared boundary is looked for
_LIKELY_BOUNDARY = re.compile(rb"(?:^|[\r\n])--([^\r\n]{1,200})(?=[\r\n]+content-)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Message:
    """A message taken apart: its own header, and every part in the order of the bytes, containers too.

    `defects` and `limits` are those of all parts together.  There is always at least one part.
    """

    header: HeaderBlock
    parts: tuple[Part, ...]
    defects: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()

    @property
    def leaves(self) -> tuple[Part, ...]:
        """Return the parts that have content of their own."""
        return tuple(part for part in self.parts if not part.is_container)


def walk(raw: Raw, limits: Limits = DEFAULT_LIMITS, *, within: str = "", depth: int = 0) -> Message:
    """Return the parts of `raw`.

    `within` is the path of the part whose content `raw` is, and `depth` the number of containers around it,
    that part among them; both are for a mail inside a mail.  Never raises; linear in the length of `raw`; its
    cost does not grow with the depth of nesting.  At `limits.parts` the walk ends, at `limits.nesting` a
    container is not entered: what was found stands and the limit is named, as it is where more than
    `limits.attachments` parts are attachments by their header.
    """
    return _Walk(raw, limits, depth).message(f"{within}.1" if within else "1")


@dataclass(slots=True)
class _Found:
    """A part on its way to be a Part; `boundary` and what follows only matter while it is open."""

    path: str
    start: int
    said: Declared
    body_start: int
    depth: int
    body_end: int = -1
    is_container: bool = False
    boundary: bytes = b""
    closed: bool = False
    children: int = 0
    defects: list[str] = field(default_factory=list)
    limits: list[str] = field(default_factory=list)

    @property
    def child_path(self) -> str:
        """Return the path of the child that is counted last."""
        inner = "" if self.path == "0" else self.path.removesuffix(".0") + "."
        return f"{inner}{self.children}"

    def part(self) -> Part:
        """Return the finished part."""
        said = self.said
        return Part(
            path=self.path,
            start=self.start,
            body_start=self.body_start,
            body_end=self.body_end,
            content_type=said.content_type,
            charset=said.charset,
            filename=said.filename,
            disposition=said.disposition,
            content_id=said.content_id,
            transfer_encoding=said.transfer_encoding,
            is_container=self.is_container,
            depth=self.depth,
            defects=tuple(dict.fromkeys([*said.defects, *self.defects])),
            limits=tuple(dict.fromkeys([*said.limits, *self.limits])),
        )


class _Walk:
    """One pass over one message."""

    def __init__(self, raw: Raw, limits: Limits, depth: int) -> None:
        self.raw, self.bounds, self.end, self.depth = raw, limits, len(raw), depth
        self.found: list[_Found] = []
        self.open: list[_Found] = []  # the way from the root to the part that is read now
        self.boundaries: set[bytes] = set()
        self.delimiters: set[bytes] = set()  # the boundaries as they stand behind the "--" of a line
        self.prefix = b""  # of all of them
        self.over: list[str] = []
        self.dashed = DashedLines(raw, bare_cr=lines_end_in_cr(raw[:_TOP]))

    def message(self, path: str) -> Message:
        """Walk, and return what was found."""
        header = self._enter(0, path, "text/plain", root=True)
        position = self._resume()
        while not self.over and (hit := self._next(position)):
            position = self._meet(hit)
        self._leave(0, self.end)
        parts = tuple(found.part() for found in self.found)
        attached = [p for p in parts if not p.is_container and (p.filename or p.disposition == "attachment")]
        if len(attached) > self.bounds.attachments:
            self.over.append("attachments")
        defects = dict.fromkeys(defect for part in parts for defect in part.defects)
        limits = dict.fromkeys([limit for part in parts for limit in part.limits] + self.over)
        return Message(header, parts, tuple(defects), tuple(limits))

    def _resume(self) -> int:
        """Return where to look for the next boundary: the line break before the newest body counts too."""
        return max(0, self.found[-1].body_start - 1)

    def _next(self, position: int) -> Boundary | None:
        """Return the next line that is a boundary of an open part, "--" in front and perhaps behind."""
        return self.dashed.after(position, self.delimiters, self.prefix) if self.boundaries else None

    def _meet(self, hit: Boundary) -> int:
        """Act on a boundary line; return where to go on."""
        closing = hit.line not in self.boundaries  # else it is the boundary "b--", not the end of "b"
        level = self._level(hit.line[:-2] if closing else hit.line)
        if level + 1 < len(self.open):
            self._leave(level + 1, self._before(hit.line_break))
        parent = self.open[level]
        if closing:
            parent.closed = True
            self._remember_boundaries()
            return hit.end
        if parent.closed:
            parent.closed = False
            parent.defects.append("part after the end boundary")
            self._remember_boundaries()
        parent.children += 1
        digest = parent.said.content_type == "multipart/digest"  # RFC 2046 5.1.5
        default_type = "message/rfc822" if digest else "text/plain"
        self._enter(self.dashed.next_line(hit.end), parent.child_path, default_type)
        return self._resume()

    def _level(self, boundary: bytes) -> int:
        """Return the innermost open part with that boundary; where all are closed, that one opens again."""
        levels = [level for level, found in enumerate(self.open) if found.boundary == boundary]
        still_open = [level for level in levels if not self.open[level].closed]
        return (still_open or levels)[-1]

    def _before(self, line_break: int) -> int:
        """Return the end of a body: the line break in front of a boundary belongs to the boundary."""
        crlf = self.raw[max(0, line_break - 1) : line_break + 1] == b"\r\n"
        return line_break - 1 if crlf else line_break

    def _enter(self, start: int, path: str, default_type: str, *, root: bool = False) -> HeaderBlock:
        """Read a header and make its part the one that is read now; go on into attached messages."""
        first: HeaderBlock | None = None
        while True:
            block = read_header_block(self.raw, start, None, self.bounds)
            first = first or block
            if len(self.found) >= self.bounds.parts:
                self.over.append("parts")
                return first
            part = self._add(
                start, path, declared(block, default_type, self.bounds), block.body_start, root=root
            )
            if not (part.is_container and part.said.is_open_message and "nesting" not in part.limits):
                return first
            start, path, default_type, root = part.body_start, f"{part.path}.1", "text/plain", True

    def _add(self, start: int, path: str, said: Declared, body_start: int, *, root: bool) -> _Found:
        part = _Found(path, start, said, body_start, self.depth + len(self.open))
        boundary = self._boundary(part) if said.is_multipart else b""
        part.is_container = bool(boundary) or said.is_open_message
        if root and boundary:
            part.path = path.removesuffix("1") + "0"
        if part.is_container and part.depth >= self.bounds.nesting:
            part.limits.append("nesting")
        else:
            part.boundary = boundary
        self.found.append(part)
        self.open.append(part)
        if part.boundary:
            self._remember_boundaries()
        return part

    def _boundary(self, part: _Found) -> bytes:
        """Return the boundary declared, or one that is seen on top of the body where that one is not."""
        said = part.said.boundary
        peek = self.raw[max(0, part.body_start - 1) : part.body_start + _PEEK]
        if said and b"--" + said in peek:
            return said
        likely = _LIKELY_BOUNDARY.search(peek)
        guessed = likely.group(1).rstrip(b" \t") if likely else b""
        if said and (not guessed or guessed in self.delimiters):
            return said
        part.defects.append("boundary guessed" if guessed else "multipart without boundary")
        return guessed

    def _leave(self, level: int, end: int) -> None:
        """End the open parts from `level` on at offset `end`."""
        for part in self.open[level:]:
            part.body_end = max(part.body_start, end)
            if part.boundary and not part.closed and not self.over:
                part.defects.append("end boundary missing" if part.children else "multipart without parts")
        bounded = any(part.boundary for part in self.open[level:])
        del self.open[level:]
        if bounded:
            self._remember_boundaries()

    def _remember_boundaries(self) -> None:
        waiting = [part for part in self.open if part.boundary]
        self.boundaries = {part.boundary for part in waiting}
        ends = {part.boundary + b"--" for part in waiting if not part.closed}
        self.delimiters = self.boundaries | ends
        self.prefix = _shared_start(self.boundaries)


def _shared_start(words: set[bytes]) -> bytes:
    first, last = min(words, default=b""), max(words, default=b"")
    if first == last:
        return first
    differs = (at for at, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1])
    return first[: next(differs, len(first))]
