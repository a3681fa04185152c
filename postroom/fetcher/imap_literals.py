"""Bodies straight from the connection: a literal goes on in pieces, and no mail is ever held whole.

The library reads each answer into memory before it is looked at.  Here one kind of command alone is written
and read past it: UID FETCH of one section.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, Protocol, TypeVar

from imapclient.exceptions import IMAPClientAbortError, IMAPClientError

from postroom.core.limits import KIB
from postroom.fetcher.imap_fetch_line import FetchLine

PIECE_BYTES = 64 * KIB
_LITERAL: Final = re.compile(rb"\{(\d{1,19})\}\r?\n\Z")
_FETCH: Final = re.compile(rb"\* \d+ FETCH ", re.IGNORECASE)
_STATUS: Final = re.compile(rb"(\S+) (OK|NO|BAD|BYE)\b ?(.*)", re.IGNORECASE | re.DOTALL)
_AT_ONCE = 2  # commands under way: the server reads on while the answer to the first travels

T = TypeVar("T")


class Wire(Protocol):
    """What is used of the library's connection: bytes out, bytes and lines in."""

    def send(self, data: bytes) -> None: ...
    def read(self, size: int) -> bytes: ...
    def readline(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Overlong:
    """A section that the server announced as longer than is wanted; nothing of it was read."""

    size_bytes: int


@dataclass(frozen=True, slots=True)
class Sections(Generic[T]):
    """Asks one connection for one section of many mails; `receive` makes something of each one's pieces.

    A section of more than `most_bytes` is not read: it is Overlong, and since the server goes on to send it,
    the connection is of no use any more.
    """

    wire: Wire
    section: str
    most_bytes: int
    receive: Callable[[Iterator[bytes]], T]
    given: dict[int, T | Overlong] = field(default_factory=dict)

    def ask(self, uids: Sequence[int]) -> None:
        """Add to `given` what the server gives of `uids`, which ascend; each as soon as it is whole.

        Raises IMAPClientAbortError when the connection is of no use any more, IMAPClientError for a refusal,
        and what `receive` raises: then too the connection is of no use.
        """
        waiting = {f"L{number}".encode(): some for number, some in enumerate(_shares(uids), 1)}
        for tag, some in waiting.items():
            self.wire.send(b"%b UID FETCH %b (UID %b)\r\n" % (tag, uid_set(some), self.section.encode()))
        wanted, refusal = set(uids), ""
        while waiting:
            line = self._line()
            if _FETCH.match(line):
                self._fetched(line, wanted)
            else:
                refusal = self._status(line, waiting) or refusal
        if refusal:
            raise IMAPClientError(refusal)

    # --- one answer ------------------------------------------------------------------------------

    def _fetched(self, line: bytes, wanted: set[int]) -> None:
        read, body = FetchLine(), list[T]()
        line = line[_FETCH.match(line).end() :]  # type: ignore[union-attr]  # the caller matched it
        while literal := _LITERAL.search(line):
            read.add(line[: literal.start()])
            self._literal(int(literal.group(1)), read, wanted, body)
            read.stands_for_literal()
            line = self._line()
        read.add(line)
        read.end()
        uid = read.uid
        if uid not in wanted or uid in self.given:
            return
        if not body and read.text is not None:
            body.append(self.receive(iter([read.text])))
        if body:
            self.given[uid] = body[0]

    def _literal(self, size: int, read: FetchLine, wanted: set[int], body: list[T]) -> None:
        """Hand on a literal that is asked for, and read past any other."""
        uid = read.uid or (next(iter(wanted)) if len(wanted) == 1 else None)
        if size > self.most_bytes:
            if read.is_at_section and uid in wanted:
                self.given.setdefault(uid, Overlong(size))
            raise IMAPClientAbortError(f"the server announces {size} bytes where {self.most_bytes} are taken")
        is_known = uid is not None and (uid not in wanted or uid in self.given)
        pieces = _pieces(self.wire, size)
        if read.is_at_section and not is_known and not body:
            body.append(self.receive(pieces))
        for _ in pieces:
            pass

    def _status(self, line: bytes, waiting: dict[bytes, Sequence[int]]) -> str:
        """Note which command is done; return why it was refused, "" where it was not."""
        rest = line
        while literal := _LITERAL.search(rest):  # none of ours: those come in a FETCH
            self._literal(int(literal.group(1)), FetchLine(), set(), [])
            rest = self._line()
        status = _STATUS.match(line)
        if status is None and not line.startswith(b"* "):
            raise IMAPClientAbortError(f"the server says {line[:60]!r} where the answer to a fetch is due")
        if status is None:
            return ""
        tag, word, words = status.group(1), status.group(2).upper(), status.group(3).decode("latin-1").strip()
        if word == b"BYE":
            raise IMAPClientAbortError(f"the server hangs up: {words}")
        if tag == b"*":
            return ""
        if waiting.pop(tag, None) is None:
            raise IMAPClientAbortError(f"the server answers {tag!r}, which was not asked")
        return "" if word == b"OK" else words or word.decode()

    def _line(self) -> bytes:
        try:
            line = self.wire.readline()
        except OSError as error:
            raise IMAPClientAbortError(_words(error)) from error
        if not line.endswith(b"\n"):
            raise IMAPClientAbortError("the connection ended in the middle of an answer")
        return line


def uid_set(uids: Sequence[int]) -> bytes:
    """Return `uids`, which ascend, as a set with its neighbours in ranges: 4:6,9 (RFC 9051 9)."""
    runs = itertools.groupby(enumerate(uids), key=lambda pair: pair[1] - pair[0])
    ends = [(pairs[0][1], pairs[-1][1]) for pairs in (list(run) for _, run in runs)]
    return b",".join(b"%d" % low if low == high else b"%d:%d" % (low, high) for low, high in ends)


def _shares(uids: Sequence[int]) -> list[Sequence[int]]:
    each = -(-len(uids) // _AT_ONCE)
    return [uids[start : start + each] for start in range(0, len(uids), each)]


def _pieces(wire: Wire, size: int) -> Iterator[bytes]:
    """Yield the next `size` bytes; a fault of the connection is told as such, whoever asks for them."""
    while size > 0:
        try:
            piece = wire.read(min(size, PIECE_BYTES))
        except OSError as error:
            raise IMAPClientAbortError(_words(error)) from error
        if not piece:
            raise IMAPClientAbortError(f"the connection ended {size} bytes before the end of a mail")
        size -= len(piece)
        yield piece


def _words(error: OSError) -> str:
    return "no answer in time" if isinstance(error, TimeoutError) else error.strerror or str(error)
