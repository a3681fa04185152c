"""The ways in: how a mail is sent so that postroom meets it, and whether its source has let go of it."""

from __future__ import annotations

import random
import smtplib
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from queue import Queue
from threading import Event, Lock, Thread
from typing import Protocol

from postroom import maildir
from tests.crash.ledger import Sent, address
from tests.crash.serving import Reach
from tests.servers.dovecot import PASSWORD, Dovecot

_PAUSE_SECONDS = 0.02
_stages = count(1)


class Way(Protocol):
    def section(self, host: int) -> str:
        """Return the part of that host's configuration that is about its sources."""
        ...

    def send(self, mail: Sent) -> None:
        """Send a mail as often as it wants; it may still be on its way when this returns."""
        ...

    def send_to_each(self, host: int, write: Callable[[], Sent]) -> list[Sent]:
        """Send a mail of its own to every source that this host polls, and return them."""
        ...

    def is_empty(self) -> bool:
        """Return whether all that was sent has arrived, and left its source again."""
        ...

    def close(self) -> None:
        """Let go of threads and connections."""
        ...


@dataclass(slots=True)
class Maildirs:
    """Two Maildirs for each host: one whose mails are deleted, one whose mails are moved."""

    folder: Path
    chance: random.Random
    folders: list[Path] = field(default_factory=list)

    def section(self, host: int) -> str:
        mine = [self.folder / f"maildir-{host}-{action}" for action in ("delete", "move")]
        for path in mine:
            maildir.create(path)
        self.folders += mine
        moved = 'after = { action = "move", folder = "Done" }'
        return (
            f'[maildir.deleted{host}]\npath = "{mine[0]}"\npoll = "1s"\nafter = {{ action = "delete" }}\n'
            f'[maildir.moved{host}]\npath = "{mine[1]}"\npoll = "1s"\n{moved}\n'
        )

    def send(self, mail: Sent) -> None:
        for _ in range(mail.copies):
            maildir.deliver(self.chance.choice(self.folders), mail.raw)

    def send_to_each(self, host: int, write: Callable[[], Sent]) -> list[Sent]:
        sent = [write(), write()]
        for folder, mail in zip(self.folders[2 * host : 2 * host + 2], sent, strict=True):
            maildir.deliver(folder, mail.raw)
        return sent

    def is_empty(self) -> bool:
        return not any(maildir.listing(folder, "new") for folder in self.folders)

    def close(self) -> None:
        """Nothing is open."""


@dataclass(slots=True)
class Mailboxes:
    """Mailboxes whose mails are moved, deleted, or moved where the server has no MOVE; all hosts poll all."""

    chance: random.Random
    boxes: Sequence[tuple[Dovecot, str]]
    reach: Reach

    def __post_init__(self) -> None:
        for server, user in self.boxes:
            server.add_user(user)

    def section(self, host: int) -> str:
        moved, deleted = '{ action = "move", folder = "Done" }', '{ action = "delete" }'
        ports = [self.reach("imap", server.port) for server, _ in self.boxes]
        return "".join(
            f'[mailbox.{user}]\nhost = "127.0.0.1"\nport = {port}\ntls = "off"\nuser = "{user}"\n'
            f'password = "{PASSWORD}"\nsince = "all"\npoll = "1s"\n'
            f"after = {deleted if user[-1] == 'd' else moved}\n"
            for port, (_, user) in zip(ports, self.boxes, strict=True)
        )

    def send(self, mail: Sent) -> None:
        for _ in range(mail.copies):
            server, user = self.chance.choice(self.boxes)
            server.deliver(user, mail.raw)

    def send_to_each(self, host: int, write: Callable[[], Sent]) -> list[Sent]:
        sent = [write() for _ in self.boxes]
        for (server, user), mail in zip(self.boxes, sent, strict=True):
            server.deliver(user, mail.raw)
        return sent

    def is_empty(self) -> bool:
        return not any(server.mails(user) for server, user in self.boxes)

    def close(self) -> None:
        """Nothing is open."""


@dataclass(slots=True)
class Relays:
    """A relay in each host's service, and clients that send a mail again until one of them said 250."""

    folder: Path
    chance: random.Random
    reach: Reach
    folders: list[Path] = field(default_factory=list)
    accepted: int = 0
    wanted: int = 0
    refusals: list[int] = field(default_factory=list)  # the codes of all replies that refused a mail
    _counting: Lock = field(default_factory=Lock)
    _waiting: Queue[Sent | None] = field(default_factory=Queue)
    _clients: list[Thread] = field(default_factory=list)

    def section(self, host: int) -> str:
        port, path = _lasting_port(), self.folder / f"maildir-{host}"
        self.folders.append(path)
        maildir.create(path)
        self._clients.append(Thread(target=self._serve, args=(self.reach("smtp", port),), daemon=True))
        self._clients[-1].start()
        return (
            f'[relay]\nlisten = "127.0.0.1:{port}"\nhostname = "relay.test"\nmaildir = "relay{host}"\n'
            f'[maildir.relay{host}]\npath = "{path}"\npoll = "1s"\n'
        )

    def send(self, mail: Sent) -> None:
        for _ in range(mail.copies):
            self.wanted += 1
            self._waiting.put(mail)

    def send_to_each(self, host: int, write: Callable[[], Sent]) -> list[Sent]:
        sent = [write()]  # a client whose relay is dead gives it to the other one
        self.send(sent[0])
        return sent

    def is_empty(self) -> bool:
        return self.accepted == self.wanted and not any(maildir.listing(path, "new") for path in self.folders)

    def close(self) -> None:
        for _ in self._clients:
            self._waiting.put(None)
        for client in self._clients:
            client.join(30)

    def _serve(self, port: int) -> None:
        """Send what waits, one mail after the other, each until it is accepted here or over there."""
        while (mail := self._waiting.get()) is not None:
            if self._accepted(port, mail):
                with self._counting:
                    self.accepted += 1
            else:
                self._waiting.put(mail)
                Event().wait(_PAUSE_SECONDS)

    def _accepted(self, port: int, mail: Sent) -> bool:
        try:
            with smtplib.SMTP("127.0.0.1", port, timeout=5) as client:
                return not client.sendmail("buyer@sender.test", [address(mail)], mail.raw)
        except smtplib.SMTPRecipientsRefused as refused:
            self.refusals += [code for code, _ in refused.recipients.values()]
        except smtplib.SMTPResponseException as refused:
            self.refusals.append(refused.smtp_code)
        except (OSError, smtplib.SMTPException):  # nobody listens, or the connection broke
            pass
        return False


def way_named(
    name: str, folder: Path, chance: random.Random, dovecots: Sequence[Dovecot], reach: Reach
) -> Way:
    """Return the way in of that name: "maildir", "imap", "box" (one mailbox alone) or "smtp"."""
    if name == "maildir":
        return Maildirs(folder, chance)
    if name == "smtp":
        return Relays(folder, chance, reach)
    with_move, without = dovecots
    user = f"{folder.name.replace('-', '')}{next(_stages)}"
    boxes = [(with_move, f"{user}m"), (with_move, f"{user}d"), (without, f"{user}c")]
    return Mailboxes(chance, boxes if name == "imap" else boxes[:1], reach)


def _lasting_port() -> int:
    """Return a port that no connection takes by chance while its server is dead: no ephemeral one."""
    for port in random.SystemRandom().sample(range(20_000, 32_000), 100):
        with suppress(OSError), socket.socket() as listener:
            listener.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")
