"""The servers of a campaign, and the way to them: straight, or through something that a fault befalls."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from tests.nursery import Nursery
from tests.servers.dovecot import Dovecot
from tests.servers.fixtures import running_dovecot, running_postgres, running_rgw
from tests.servers.postgres import Postgres
from tests.servers.rgw import Rgw

Reach = Callable[[str, int], int]
"""Return the port of 127.0.0.1 by which the server of that name, at that port, is reached."""


def straight(_server: str, port: int) -> int:
    """Let nothing stand in between."""
    return port


@dataclass(slots=True)
class Servers:
    """What stays up while postrooms die, each started when it is first asked for."""

    nursery: Nursery
    _open: ExitStack
    _dovecots: list[Dovecot] = field(default_factory=list)
    _postgres: Postgres | None = None
    _rgw: Rgw | None = None

    def dovecots(self) -> list[Dovecot]:
        """Return a Dovecot, and one that has no MOVE."""
        if not self._dovecots:
            without = running_dovecot(capability="IMAP4rev1 UIDPLUS")
            self._dovecots = [self._open.enter_context(each) for each in (running_dovecot(), without)]
        return self._dovecots

    def postgres(self) -> Postgres:
        if self._postgres is None:
            self._postgres = self._open.enter_context(running_postgres(fsync=True))
        return self._postgres

    def rgw(self) -> Rgw:
        if self._rgw is None:
            self._rgw = self._open.enter_context(running_rgw())
        return self._rgw


@contextmanager
def running_servers() -> Iterator[Servers]:
    with ExitStack() as stack:
        yield Servers(stack.enter_context(Nursery()), stack)
