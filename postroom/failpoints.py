"""Named places on the way of a mail where a test can let a run die, fail or stand still."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Final, Literal, cast

from postroom.errors import FailpointReached, FailpointUnknown

VARIABLE: Final = "POSTROOM_FAILPOINT"
HELD_SECONDS: Final = 30.0

FAILPOINTS: Final[dict[str, str]] = {
    # A mail comes in: by the relay, by `deliver`, by `ingest`.
    "relay.received": "a client's message was read to its end",
    "deliver.read": "the beginning of the message was read from standard input",
    "maildir.written": "the mail's bytes are in its file, not synced",
    "maildir.fsynced": "the mail's file is synced and still below tmp",
    "maildir.renamed": "the mail is in new, the folder not synced",
    "maildir.synced": "the mail is in new, and the folder synced",
    "relay.kept": "a message is durable, and its client was not answered",
    "deliver.kept": "the message is durable, and the mail server was not answered",
    "ingest.read": "a mail was read from a file that a person named",
    # A source is polled.
    "poll.leased": "the lease on a source was taken",
    "imap.listed": "the new mails of a folder are listed, no body read",
    "imap.spooled": "a body was fetched into the spool",
    "file.read": "a file of a Maildir was read",
    "poll.batch": "a batch was read from its source",
    # A batch is made safe.
    "accept.decided": "each mail of a batch was given to an org or to the quarantine",
    "archive.drafted": "an object's bytes are in a draft, not synced",
    "archive.fsynced": "an object's draft is synced and not renamed",
    "archive.renamed": "an object is in its place, the folder not synced",
    "archive.synced": "an object is in its place, and the folder synced",
    "s3.sending": "an object is about to be sent to the S3 service",
    "s3.part": "a part of a big object was sent",
    "s3.sent": "the S3 service took an object, and was not asked whether it has it",
    "accept.archived": "all objects of a batch are durable, no row written",
    "commit.fenced": "the transaction of a batch has begun, its lease asked for",
    "commit.rows": "the messages are written, not committed",
    "commit.copies": "sightings and cursor are written, not committed",
    "accept.committed": "the batch is committed, and its source not told",
    # The source lets go.
    "imap.settling": "the after-action of a mailbox is about to be ordered",
    "imap.copied": "mails were copied to another folder, and are still in their own",
    "imap.deleted": "mails are marked as deleted, and not expunged",
    "imap.settled": "the mail server did the after-action",
    "file.linked": "a file of a Maildir has its new name, and its old one still",
    "file.moved": "a file of a Maildir lost its old name, the folder not synced",
    "accept.settled": "the source let a batch go, and that is not written down",
    "accept.recorded": "it is written down that the source let a batch go",
    # Documents are taken out and announced.
    "extract.claimed": "a message was claimed to be taken apart",
    "extract.opened": "a message's bytes were read back and checked",
    "extract.kept": "a document is in the archive, its row not written",
    "finish.advanced": "a message is PARSED, its documents not written, nothing committed",
    "finish.written": "documents and announcements are written, not committed",
    "extract.finished": "a message's documents are committed",
    "announce.claimed": "announcements were claimed",
    "announce.sent": "an announcement was sent, and not struck off",
    "announce.concluded": "what was announced is struck off",
}

Act = Literal["kill", "raise", "sleep"]
_ORDER = re.compile(r"(?P<name>[^:]+)(:(?P<at>[1-9][0-9]{0,8}))?:(?P<act>kill|raise|sleep)", re.ASCII)
_WAY_OUT = "postroom failpoints lists them; outside of tests the variable is unset"


@dataclass(frozen=True, slots=True)
class Order:
    """What is to happen at a failpoint when it is reached for the `at`-th time in a process."""

    name: str
    at: int
    act: Act


def read_order(text: str) -> Order:
    """Return the order that NAME:ACT or NAME:N:ACT is.  Raises FailpointUnknown."""
    read = _ORDER.fullmatch(text)
    if read is None:
        raise FailpointUnknown(f"{VARIABLE}: {text!a} is none of NAME:ACT and NAME:N:ACT", fix=_WAY_OUT)
    if read["name"] not in FAILPOINTS:
        raise FailpointUnknown(f"{VARIABLE}: there is no failpoint {read['name']!a}", fix=_WAY_OUT)
    return Order(read["name"], int(read["at"] or 1), cast("Act", read["act"]))


def require_sound_order() -> None:
    """Return if the variable is unset or can be obeyed.  Raises FailpointUnknown."""
    if text := os.environ.get(VARIABLE):
        read_order(text)


def obeying(order: Order) -> Callable[[str], None]:
    """Return a `reach` that carries out `order`, once, and says so on standard error first."""
    times = count(1)  # `next` on it cannot be interrupted by another thread

    def reach(name: str) -> None:
        if name == order.name and next(times) == order.at:
            _carry_out(order)

    return reach


def _carry_out(order: Order) -> None:
    os.write(2, f"failpoint {order.name}: {order.act}\n".encode())
    if order.act == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if order.act == "raise":
        raise FailpointReached(f"{VARIABLE} asks for an error at {order.name}")
    time.sleep(HELD_SECONDS)


def _pass_by(name: str) -> None:
    """Do nothing: no failpoint was asked for."""


def _of_this_process() -> Callable[[str], None]:
    try:
        return obeying(read_order(os.environ[VARIABLE]))
    except (KeyError, FailpointUnknown):  # the command line refuses what cannot be obeyed
        return _pass_by


# Decided once, so that a failpoint costs a call of an empty function.
reach: Final = _of_this_process()
"""Mark a place by its name in FAILPOINTS.  Raises FailpointReached where that was asked for."""
