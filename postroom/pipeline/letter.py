"""One fetched mail as intake sees it: who it is from, what makes it itself, and for whom it came."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from postroom.core import identity
from postroom.core.addresses import mailboxes
from postroom.core.dates import read_date
from postroom.core.headers import Field, HeaderBlock, read_header_block
from postroom.core.limits import Limits
from postroom.core.routing import Rule, Target, targets
from postroom.core.words import text
from postroom.errors import SourceChanged
from postroom.fetcher.source import Fetched

_SHOWN = 998


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
    """Return the letter in a fetched file.

    Raises SourceChanged when the file is gone; nothing in the bytes can make it raise.
    """
    try:
        raw = fetched.path.read_bytes()
    except FileNotFoundError as error:
        raise SourceChanged(f"{fetched.path} is gone") from error
    block = read_header_block(raw, limits=limits)
    content = identity.content_sha256(raw, block)
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


def _date(block: HeaderBlock) -> datetime | None:
    field = block.first("Date")
    return read_date(field.unfolded) if field else None


def _first_address(field: Field | None) -> str | None:
    found = mailboxes(field.unfolded) if field else []
    return _capped(found[0]) if found else None


def _capped(words: str | None) -> str | None:
    return words[:_SHOWN] if words else words
