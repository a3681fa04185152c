"""One mail for one envelope recipient, our own trace fields on top: what the relay and `deliver` write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from postroom import maildir
from postroom.errors import NotAMessage
from postroom.failpoints import reach

HEAD_BYTES = 1 << 20  # more than any header that postroom reads: limits.header is 256 KiB
_BLOCK_BYTES = 1 << 18
_ABANDONED_SECONDS = 36 * 3600.0

# The fields that name the envelope recipient for whoever reads the Maildir; one that came with the mail is a
# stranger's word.  They are looked for up to the first blank line, folds included (RFC 5322 2.2.3).
_FORGED_NAMES = b"delivered-to", b"x-original-to"
_FORGED = re.compile(
    rb"^(?:" + b"|".join(_FORGED_NAMES) + rb")[ \t]*:[^\n]*(?:\n[ \t][^\n]*)*(?:\n|\Z)",
    re.IGNORECASE | re.MULTILINE,
)
_BLANK_LINE = re.compile(rb"^[ \t]*\r*\n", re.MULTILINE)
_MBOX_LINE = re.compile(rb">?From [^\n]*\n")
_FIELD = re.compile(rb"^[!-9;-~]+[ \t]*:", re.MULTILINE)
# What nearly every recipient is; to judge the others takes what an MTA's pipe should not have to load.
_PLAIN_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,256}@[A-Za-z0-9.-]{1,255}")
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Envelope:
    """Whom one copy of a mail is from and for; `sender` is "" for the null reverse-path (RFC 5321 4.5.5).

    Raises ValueError unless `recipient` is exactly one address and `sender` holds no control character: both
    become header fields, and must not become two.
    """

    sender: str
    recipient: str

    def __post_init__(self) -> None:
        if not _PLAIN_ADDRESS.fullmatch(self.recipient) and not _is_one_address(self.recipient):
            raise ValueError(f"not one address: {self.recipient!a}")
        if _UNPRINTABLE.search(self.sender):
            raise ValueError(f"not an address: {self.sender!a}")


@dataclass(frozen=True, slots=True)
class Arrival:
    """How a mail reached this machine, in the words of a Received field (RFC 5321 4.4).

    `came` is all that stands before "for", such as "from mx.example ([192.0.2.1]) by intake with ESMTP id 7".
    """

    came: str
    at: datetime


def deliver(folder: Path, message: BinaryIO, envelope: Envelope, arrival: Arrival) -> str:
    """Write the whole of `message` into the Maildir `folder` for one recipient, and return its unique name.

    When it returns, the mail survives a power cut.  A big mail is never in memory at once.  Raises
    NotAMessage where there is no header field, and MaildirUnusable; no part of a mail is then left behind.
    """
    name = maildir.unique_name()
    head = stripped(message.read(HEAD_BYTES))
    reach("deliver.read")
    if not _has_a_field(head):
        raise NotAMessage("the input has no header field", fix="give a message as RFC 5322 has it")
    maildir.write(folder, name, chain([on_top(head, envelope, arrival) + head], blocks(message)))
    maildir.show(folder, [name])
    reach("deliver.kept")
    return name


def on_top(head: bytes, envelope: Envelope, arrival: Arrival) -> bytes:
    """Return the trace fields that go before a message that begins with `head`; its line ends are taken.

    Return-Path, X-Original-To and Delivered-To stand above our own Received, where every profile of `trust`
    looks; what came with the mail is below it.  Raises ValueError for a control character in `arrival`.
    """
    if _UNPRINTABLE.search(arrival.came):
        raise ValueError(f"no text of a header field: {arrival.came!a}")
    lines = [
        f"Return-Path: <{envelope.sender}>",
        f"X-Original-To: {envelope.recipient}",
        f"Delivered-To: {envelope.recipient}",
        f"Received: {arrival.came}",
        f"\tfor <{envelope.recipient}>; {arrival.at:%a, %d %b %Y %H:%M:%S %z}",
    ]
    if head.startswith((b" ", b"\t")):  # no header at all; else this line would continue our Received
        lines.append("")
    end = "\r\n" if head[: head.find(b"\n") + 1].endswith(b"\r\n") else "\n"
    return "".join(line + end for line in lines).encode("utf-8", "surrogateescape")


def stripped(head: bytes) -> bytes:
    """Return `head`, the first HEAD_BYTES of a message, without what speaks for the envelope.

    That is every Delivered-To and X-Original-To of its header, and the "From " line that a pipe may put
    before it.  All other bytes stay as they came.
    """
    mbox_line = _MBOX_LINE.match(head)
    if mbox_line is not None:
        head = head[mbox_line.end() :]
    lowered = head.lower()  # a look for two words costs a tenth of the search below
    if not any(name in lowered for name in _FORGED_NAMES) or _FORGED.search(head) is None:
        return head
    blank = _BLANK_LINE.search(head)
    header = head[: blank.start()] if blank else head
    return _FORGED.sub(b"", header) + head[len(header) :]


def blocks(message: BinaryIO) -> Iterator[bytes]:
    """Yield what is left of `message` in blocks of moderate size."""
    while block := message.read(_BLOCK_BYTES):
        yield block


def _has_a_field(head: bytes) -> bool:
    blank = _BLANK_LINE.search(head)
    return _FIELD.search(head[: blank.start()] if blank else head) is not None


def _is_one_address(text: str) -> bool:
    from postroom.core.addresses import mailboxes  # noqa: PLC0415  (see _PLAIN_ADDRESS)

    return mailboxes(text.encode("utf-8", "surrogateescape")) == [text]


def sweep(folder: Path, now: float) -> int:
    """Remove from tmp/ what no delivery touched for 36 hours, as a Maildir's readers do; return how many.

    Those who were killed while they wrote left it: nobody will ever read it.  Raises MaildirUnusable.
    """
    swept = 0
    with maildir.explained("clear", folder / "tmp"):
        for path in (folder / "tmp").iterdir():
            with suppress(FileNotFoundError):  # another sweeps too
                if path.stat().st_mtime < now - _ABANDONED_SECONDS:
                    path.unlink()
                    swept += 1
    return swept
