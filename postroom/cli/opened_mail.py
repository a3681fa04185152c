"""A mail as `inspect` sees it: header, envelope recipients, parts and what is wrong with them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from postroom.app.dissecting import dissection
from postroom.core import identity
from postroom.core.addresses import mailboxes
from postroom.core.headers import HeaderBlock, read_header_block
from postroom.core.rules import Standard
from postroom.core.words import text
from postroom.db.values import LedgerPart
from postroom.errors import NotAMessage
from postroom.storage.store import View

_NEXT_MAIL = re.compile(rb"\n\r?\nFrom [^\r\n]{1,200} (?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} ")
_LOOKED_AT = 64 * 1024  # bytes
_ENVELOPE = ("Delivered-To", "X-Original-To", "Envelope-To")


@dataclass(frozen=True, slots=True)
class OpenedMail:
    """`file` is as the user named it; `defects` and `limits` are those of the mail and all its parts."""

    file: str
    message_id: str | None
    subject: str | None
    from_address: str | None
    recipients: tuple[str, ...]
    defects: tuple[str, ...]
    limits: tuple[str, ...]
    parts: tuple[LedgerPart, ...]


def open_mail(file: str, raw: View, standard: Standard) -> OpenedMail:
    """Return the mail in `raw`, however broken.  Raises NotAMessage where there is nothing but blanks."""
    limits = standard.limits
    block = read_header_block(raw, limits=limits)
    if not block.fields and not raw[:_LOOKED_AT].strip():
        raise NotAMessage(f"{file} is empty")
    sender = block.first("From")
    with dissection(raw, standard) as mail:
        ledger = {line.path: line for line, _ in mail.parts()}  # the second line of a path counts
    too_big = ("message_bytes",) if len(raw) > limits.message_bytes else ()
    return OpenedMail(
        file=file,
        message_id=identity.message_id(block),
        subject=text(block.first("Subject")),
        from_address=next(iter(mailboxes(sender.unfolded)), None) if sender else None,
        recipients=_recipients(block),
        defects=(*_as_a_file(raw, block), *mail.defects),
        limits=(*too_big, *mail.limits),
        parts=tuple(ledger.values()),
    )


def _as_a_file(raw: View, block: HeaderBlock) -> Iterator[str]:
    """Yield what is odd about the file; `postroom ingest` takes all the mails in an mbox."""
    if not block.fields:
        yield "no header field"
    if raw[:5] == b"From " and _NEXT_MAIL.search(raw):
        yield "mbox of several mails"


def _recipients(block: HeaderBlock) -> tuple[str, ...]:
    """Return the envelope recipients above the first Received, or of the whole header where there is none.

    What stands lower came with the mail and proves nothing (docs/explanation/routing.md).
    """
    hops = [field.start for field in block.every("Received")]
    own = [field for field in block.fields if not hops or field.start < hops[0]]
    named = [field for name in _ENVELOPE for field in own if field.key == name.lower()]
    return tuple(dict.fromkeys(address for field in named for address in mailboxes(field.unfolded)))
