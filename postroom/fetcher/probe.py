"""Step by step to a mailbox, for `postroom check --connect`: which step fails, and what to do about it."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from imapclient.exceptions import IMAPClientError

from postroom.config.settings import Action, Mailbox, Tls
from postroom.core.carried import Carried
from postroom.core.routing import AddressPattern, address_pattern
from postroom.errors import FolderRefused, PostroomError
from postroom.fetcher.bearer import Bearer
from postroom.fetcher.imap_connection import Connection
from postroom.fetcher.imap_names import folder_names
from postroom.fetcher.imap_open import CONNECT_SECONDS, connect_fault, open_client, resolve
from postroom.fetcher.learning import CAPABILITIES, Learned, learn
from postroom.fetcher.step import Step

_FOLDERS_SHOWN = 20
_CLOCK_SECONDS = 5  # two clocks that are kept right differ by less
ANY_ADDRESS: Final = address_pattern("*{org}@*")


def probe(
    settings: Mailbox, bearer: Bearer | None = None, *, address: AddressPattern = ANY_ADDRESS
) -> Iterator[Step]:
    """Yield DNS, TCP, TLS, login, folders and after-action as they are tried; the first that fails ends it.

    Where `bearer` has the tokens of a mailbox that is opened by OAuth 2.0, getting one is a step of its own.
    The last step, `mails`, has what was learned; `address` is how a slug is read from a recipient.

    Nothing changes in the mailbox: folders are listed and opened by EXAMINE.  Raises nothing of its own.
    """
    connection = Connection(settings, bearer)
    steps: tuple[tuple[str, Callable[[], str | Learned]], ...] = (
        *_way(settings),
        *([("token", lambda: _token(bearer))] if bearer else []),
        ("login", lambda: _login(connection, settings)),
        ("folders", lambda: _folders(connection, settings)),
        ("after", lambda: _after(connection, settings)),
        ("mails", lambda: learn(connection, settings.folders[0], address, lambda: datetime.now(UTC))),
    )
    try:
        yield from _taken(steps)
    finally:
        connection.close()


def reach(settings: Mailbox) -> Iterator[Step]:
    """Yield the first steps of `probe`, as far as they need no login: DNS, TCP and TLS."""
    yield from _taken(_way(settings))


def _way(settings: Mailbox) -> tuple[tuple[str, Callable[[], str]], ...]:
    return (
        ("DNS", lambda: f"{settings.host} -> {', '.join(resolve(settings))}"),
        ("TCP", lambda: _tcp(settings)),
        ("TLS", lambda: _tls(settings)),
    )


def _taken(steps: Sequence[tuple[str, Callable[[], str | Learned]]]) -> Iterator[Step]:
    for name, step in steps:
        try:
            came = step()
        except PostroomError as error:
            yield Step(name, str(error), error)
            return
        yield Step(name, came) if isinstance(came, str) else Step(name, _words(came), learned=came)


def _words(learned: Learned) -> str:
    """Return what was learned, for people: capabilities, clock, and the recipient in the newest mails."""
    can = ", ".join(learned.capabilities) or "none of " + ", ".join(CAPABILITIES)
    clock = "no mail is dated in the future"
    if learned.clock_ahead_seconds > _CLOCK_SECONDS:
        clock = f"the server's clock is ahead by {learned.clock_ahead_seconds} s at least"
    if not learned.mails:
        return f"none yet to learn from; the server knows {can}"
    of = f"of the {learned.mails} newest"
    named = [f"{each.name} in {each.mails}{_below(each)}" for each in learned.headers]
    return f"{of}: {', '.join(named) or 'none names its envelope recipient'}; {clock}; the server knows {can}"


def _below(header: Carried) -> str:
    return f" (with trusted_hops = {header.hops})" if header.hops else ""


def _tcp(settings: Mailbox) -> str:
    started = time.monotonic()
    try:
        socket.create_connection((settings.host, settings.port), timeout=CONNECT_SECONDS).close()
    except OSError as error:
        raise connect_fault(settings, error) from error
    return f"{settings.port} in {(time.monotonic() - started) * 1000:.0f} ms"


def _tls(settings: Mailbox) -> str:
    client = open_client(settings)
    try:
        encrypted = client.socket()
        if settings.tls is Tls.OFF:
            return "off: neither the password nor the mails are encrypted"
        version = encrypted.version().replace("TLSv", "TLS ")
    finally:
        with suppress(IMAPClientError, OSError):
            client.logout()
    return f"{version}, certificate {'valid' if settings.tls_verify else 'NOT verified (tls_verify = false)'}"


def _token(bearer: Bearer) -> str:
    bearer.token()
    return "there is one that is good"


def _login(connection: Connection, settings: Mailbox) -> str:
    connection.ready()
    return settings.user


def _folders(connection: Connection, settings: Mailbox) -> str:
    names = connection.ask("a folder list", folder_names)
    shown = ", ".join(names[:_FOLDERS_SHOWN]) + (", ..." if len(names) > _FOLDERS_SHOWN else "")
    opened = []
    for folder in settings.folders:
        try:
            opened.append(connection.select(folder, read_only=True))
        except FolderRefused as error:
            raise FolderRefused(str(error), fix=f"the server shows these folders: {shown}") from error
    return ", ".join(f"{folder.folder} ({folder.exists} mails)" for folder in opened) + f"; it shows {shown}"


def _after(connection: Connection, settings: Mailbox) -> str:
    action = settings.after.action
    removes = action in {Action.MOVE, Action.DELETE}
    can = connection.ask("its capabilities", lambda client: set(client.capabilities()))
    words = _move(connection, settings.after.folder) if action is Action.MOVE else str(action)
    if not removes or b"UIDPLUS" in can or (action is Action.MOVE and b"MOVE" in can):
        return words
    return (
        f"{words}; the server has no UIDPLUS, so mails are marked \\Deleted and stay until someone expunges"
    )


def _move(connection: Connection, target: str) -> str:
    there = connection.ask("a folder list", lambda client: client.folder_exists(target))
    return f'move to "{target}"{"" if there else ": not there yet, the first mail makes it"}'
