"""What all sessions of one relay share: who may come in, which recipients are taken, where mails go."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from postroom.core.routing import AddressPattern, slug_in
from postroom.delivery import Arrival
from postroom.delivery import Envelope as Copy
from postroom.errors import MaildirUnusable
from postroom.maildir import unique_front, unique_name
from postroom.smtp_relay import replies
from postroom.smtp_relay.bounds import ALL_IN_MEMORY_BYTES, BLOCK_BYTES, Bounds
from postroom.smtp_relay.census import UNIX
from postroom.smtp_relay.commit import Committer, Delivery, Fault
from postroom.smtp_relay.connection import Connection
from postroom.smtp_relay.content import Content, Ram
from postroom.smtp_relay.known_orgs import KnownOrgs, Verdict
from postroom.smtp_relay.path import NULL_PATH, is_ascii_or_utf8
from postroom.smtp_relay.session import SmtpSession
from postroom.smtp_relay.transaction import Transaction

if TYPE_CHECKING:
    from postroom.smtp_relay.booth import Dialect

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.relay")
_UNSAID = re.compile(r"[^A-Za-z0-9.:_\[\]-]")


@dataclass(frozen=True, slots=True)
class House:
    """The rules of the house: `knows_org` may block and raises TransientError while the directory is away.

    `takes_unknown` True means that mail for an unknown org is taken all the same, for the quarantine.
    """

    folder: Path
    hostname: str
    address: AddressPattern
    knows_org: Callable[[str], bool]
    takes_unknown: bool
    bounds: Bounds
    now: Callable[[], datetime]


class Reception:
    """The handler that aiosmtpd asks; made in the loop that it serves."""

    def __init__(self, dialect: Dialect, known: KnownOrgs, *, over: Callable[[Connection], None]) -> None:
        self.loop = asyncio.get_running_loop()
        self.house = dialect.house
        self.bounds = dialect.house.bounds
        self.hostname = dialect.house.hostname
        self.starttls = dialect.starttls
        self.requires_tls = dialect.requires_tls
        self.over = over
        self.inbox = memoryview(bytearray(BLOCK_BYTES))  # where what a client sent lies for a moment
        self._ram = Ram(ALL_IN_MEMORY_BYTES // dialect.processes)
        self._known = known
        self._committer = Committer(dialect.house.folder)
        self._log = _log.bind()  # once: to look for the configured logger costs as much as to write a line

    async def close(self) -> None:
        """Finish what was submitted, and give back the threads."""
        await self._committer.close()

    # --- what aiosmtpd asks -------------------------------------------------------------------

    async def handle_MAIL(
        self, session: SmtpSession, _: Any, transaction: Transaction, address: str, _options: Sequence[str]
    ) -> str:
        if not is_ascii_or_utf8(address, utf8=transaction.smtp_utf8):
            return replies.NEEDS_UTF8
        transaction.mail_from = address
        return replies.SENDER_OK

    async def handle_RCPT(
        self, session: SmtpSession, _: Any, transaction: Transaction, address: str, _options: Sequence[str]
    ) -> str:
        if len(transaction.rcpt_tos) >= self.bounds.recipients:
            return replies.TOO_MANY_RECIPIENTS
        reply = await self._judge(address, utf8=transaction.smtp_utf8)
        if reply == replies.RECIPIENT_OK:
            transaction.rcpt_tos.append(address)
            sender = transaction.mail_from or NULL_PATH
            transaction.copies[address] = Copy("" if sender == NULL_PATH else sender, address)
        else:
            self._log.info("relay refused a recipient", peer=session.address, recipient=address, reply=reply)
        return reply

    async def handle_exception(self, error: Exception) -> str:
        if isinstance(error, OSError):
            self._log.info("a client broke off", error=str(error))
            return replies.FAULT
        self._log.error("a bug in the relay", error=f"{type(error).__name__}: {error}", exc_info=error)
        return replies.FAULT

    async def _judge(self, address: str, *, utf8: bool) -> str:
        if address == NULL_PATH or not _is_one_address(address):
            return replies.NO_ADDRESS
        if not is_ascii_or_utf8(address, utf8=utf8):
            return replies.NEEDS_UTF8
        domain = self.house.address.domain
        if domain is not None and not _same_domain(address, domain, self.hostname):
            return replies.NOT_HERE
        slug, _ = slug_in(address, self.house.address)
        verdict = Verdict.UNKNOWN if slug is None else await self._known.verdict(slug)
        if verdict is Verdict.AWAY:
            return replies.DIRECTORY_AWAY
        taken = verdict is Verdict.KNOWN or self.house.takes_unknown
        return replies.RECIPIENT_OK if taken else replies.UNKNOWN_ORG

    # --- what a session asks ------------------------------------------------------------------

    def new_content(self) -> Content:
        """Return where a message goes while it arrives."""
        return Content(self.house.folder, most_bytes=self.bounds.message_bytes, ram=self._ram)

    async def keep(self, session: SmtpSession, content: Content) -> list[str]:
        """Make a message durable and return one reply for each recipient; `content` is closed by us.

        Over SMTP there is one reply, so all recipients get the mail or none does.
        """
        recipients = session.transaction.rcpt_tos
        if content.is_too_big or content.fault:
            content.close()
            reply = replies.refused(content.fault) if content.fault else replies.TOO_BIG
            self._log.info(
                "relay refused a message", peer=session.address, bytes=content.size_bytes, reply=reply
            )
            return [reply] * len(recipients)
        queue_name = unique_front()
        arrival = Arrival(_came(session, self.hostname, queue_name), self.house.now())
        files = _files(content, session.transaction.copies, arrival, queue_name)
        faults = await self._deliver(content, files, apart=session.answers_apart)
        said = {recipient: _answer(fault, queue_name) for recipient, fault in faults.items()}
        self._tell(session, content, queue_name, faults)
        return [said[recipient] for recipient in recipients]

    async def _deliver(self, content: Content, files: _Files, *, apart: bool) -> dict[str, Fault]:
        groups = [[recipient] for recipient in files] if apart else [list(files)]
        content.lend(len(groups))
        verdicts: list[asyncio.Future[Fault]] = []
        for group in groups:
            verdict: asyncio.Future[Fault] = self.loop.create_future()
            self._committer.submit(Delivery([files[each] for each in group], verdict, content.give_back))
            verdicts.append(verdict)
        return {
            recipient: await verdict
            for group, verdict in zip(groups, verdicts, strict=True)
            for recipient in group
        }

    def _tell(
        self, session: SmtpSession, content: Content, queue_name: str, faults: dict[str, Fault]
    ) -> None:
        for fault in {str(fault): fault for fault in faults.values() if fault}.values():
            self._log.error("cannot store a message", id=queue_name, error=str(fault), fix=fault.fix)
        taken = [recipient for recipient, fault in faults.items() if fault is None]
        if taken:
            self._log.info(
                "relay accepted",
                id=queue_name,
                peer=session.address,
                bytes=content.size_bytes,
                recipients=taken,
            )


_Files = dict[str, tuple[str, Callable[[], Any]]]


def _files(content: Content, copies: Mapping[str, Copy], arrival: Arrival, queue_name: str) -> _Files:
    """Return the file of each recipient: its name, and what yields its pieces."""
    return {
        recipient: (unique_name(f"{queue_name}V{number}"), partial(content.letter, copy, arrival))
        for number, (recipient, copy) in enumerate(copies.items())
    }


def _answer(fault: MaildirUnusable | None, queue_name: str) -> str:
    return replies.accepted(queue_name) if fault is None else replies.refused(fault)


def _is_one_address(address: str) -> bool:
    try:
        Copy("", address)
    except ValueError:
        return False
    return True


def _same_domain(address: str, domain: str, hostname: str) -> bool:
    own = address.rpartition("@")[2].lower()
    return own in {domain, hostname.lower()}


def _came(session: SmtpSession, hostname: str, queue_name: str) -> str:
    """Return how a message came here, as a Received field says it (RFC 5321 4.4, RFC 3848, RFC 6531 4.3)."""
    said = session.client.host_name or ""
    client = said if said and not _UNSAID.search(said) else "unknown"
    address = session.address
    literal = f"IPv6:{address}" if ":" in address else address
    peer = "local socket" if address == UNIX else f"[{literal}]"
    return f"from {client} ({peer}) by {hostname} (postroom) with {_with(session)} id {queue_name}"


def _with(session: SmtpSession) -> str:
    encrypted = "S" if session.is_encrypted else ""
    if session.transaction.smtp_utf8:
        return f"UTF8{'LMTP' if session.answers_apart else 'SMTP'}{encrypted}"
    plain = "LMTP" if session.answers_apart else "ESMTP" if session.client.extended_smtp else "SMTP"
    return plain if plain == "SMTP" else plain + encrypted
