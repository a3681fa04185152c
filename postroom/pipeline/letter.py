"""One fetched mail as intake sees it: who it is from, what makes it itself, and for whom it came."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from io import FileIO
from itertools import chain

from postroom.core import identity
from postroom.core.addresses import mailboxes
from postroom.core.dates import read_date
from postroom.core.headers import NO_BLANK_LINE, Field, HeaderBlock, read_header_block
from postroom.core.limits import KIB, Limits
from postroom.core.routing import Rule, Target, targets
from postroom.core.words import text
from postroom.errors import SourceChanged
from postroom.fetcher.source import Fetched
from postroom.plainfile import open_plain

_SHOWN = 998
_PIECE_BYTES = 256 * KIB


@dataclass(frozen=True, slots=True)
class Letter:
    """What the header says, and the digests; the bytes stay in `fetched.path`."""

    fetched: Fetched
    targets: tuple[Target, ...]
    source_message_id: str
    content_sha256: str
    from_address: str | None
    to_address: str | None
    subject: str | None
    sent_at: datetime | None


def read_letter(fetched: Fetched, rule: Rule, limits: Limits) -> Letter:
    """Return the letter in a fetched file, read in blocks; of one over the size limit, only the header.

    Raises SourceChanged when the file is gone, cannot be read, or has other bytes than were fetched; nothing
    in the bytes can make it raise.
    """
    try:
        with open_plain(fetched.path) as file:
            block, content = _read(file, fetched, limits)
    except FileNotFoundError as error:
        raise SourceChanged(f"{fetched.path} is gone") from error
    except OSError as error:
        raise SourceChanged(f"cannot read {fetched.path}: {error.strerror or error}") from error
    return Letter(
        fetched=fetched,
        targets=targets(block, rule),
        source_message_id=identity.message_id(block) or identity.synthetic_id(content),
        content_sha256=content,
        from_address=_first_address(block.first("From")),
        to_address=_first_address(block.first("To")),
        subject=_capped(text(block.first("Subject"))),
        sent_at=_date(block),
    )


def _read(file: FileIO, fetched: Fetched, limits: Limits) -> tuple[HeaderBlock, str]:
    """Return the header and the content digest."""
    pieces = _Pieces(file, is_hashed=not fetched.own)
    head = pieces.take(min(limits.header_bytes * 2, fetched.size_bytes + 1))
    block = read_header_block(head, limits=limits)
    if not fetched.whole or fetched.message_bytes > limits.message_bytes:
        return block, identity.content_sha256(block, ())
    if not _ends_within(head, block):  # no real mail: where its body starts is looked for in all of it
        block = read_header_block(_Whole(head, file), limits=limits)
    content = identity.content_sha256(block, _behind(block.body_start, chain((head,), pieces)))
    if not fetched.own and pieces.digest.hexdigest() != fetched.sha256:
        raise SourceChanged(f"{fetched.path} changed while it was read")
    return block, content


def _ends_within(head: bytes, block: HeaderBlock) -> bool:
    """Return whether what comes after `head` cannot change where the header ends."""
    return block.body_start < len(head) and NO_BLANK_LINE not in block.defects


def _behind(start: int, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the bytes from the offset `start` on."""
    for piece in pieces:
        yield piece[start:]
        start = max(0, start - len(piece))


class _Whole:
    """All bytes of a file by offsets; those behind `head` are read where they are looked at."""

    def __init__(self, head: bytes, file: FileIO) -> None:
        self._head, self._handle = head, file.fileno()
        self._size = os.fstat(self._handle).st_size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, span: slice, /) -> bytes:
        start, stop, _ = span.indices(self._size)
        if stop <= len(self._head):
            return self._head[start:stop]
        return os.pread(self._handle, max(0, stop - start), start)


class _Pieces:
    """The bytes of a file, in pieces that a processor has near it, and their digest, if it `is_hashed`."""

    def __init__(self, file: FileIO, *, is_hashed: bool) -> None:
        self._file, self._is_hashed = file, is_hashed
        self.digest = hashlib.sha256()

    def __iter__(self) -> Iterator[bytes]:
        while piece := self._file.read(_PIECE_BYTES):
            self._note(piece)
            yield piece

    def take(self, most: int) -> bytes:
        """Return so many bytes, or all where there are fewer."""
        taken = self._file.read(most)
        while len(taken) < most and (piece := self._file.read(most - len(taken))):
            taken += piece
        self._note(taken)
        return taken

    def _note(self, piece: bytes) -> None:
        if self._is_hashed:
            self.digest.update(piece)


def _date(block: HeaderBlock) -> datetime | None:
    field = block.first("Date")
    return read_date(field.unfolded) if field else None


def _first_address(field: Field | None) -> str | None:
    found = mailboxes(field.unfolded) if field else []
    return _capped(found[0]) if found else None


def _capped(words: str | None) -> str | None:
    return words[:_SHOWN] if words else words
