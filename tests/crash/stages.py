"""Where a campaign is played: a storage, a way in, and the hosts that are killed."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from tests.crash.counting import Count, Objects, Rows, check_rows
from tests.crash.ledger import ORGS, Sent
from tests.crash.serving import Reach, Servers, straight
from tests.crash.storages import BUILDERS
from tests.crash.ways import Relays, Way, way_named
from tests.nursery import Nursery
from tests.servers.waiting import wait_until

STORAGES = ("sqlite", "postgres")
WAYS = ("maildir", "imap", "smtp")
CELLS = tuple(f"{storage}-{way}" for storage in STORAGES for way in WAYS)
LEASE_SECONDS = 1.0


@dataclass(slots=True)
class Host:
    """One host; it lives while `pid` is set."""

    folder: Path
    pid: int | None = None
    starts_before: int = 0  # of those that the log tells of, when it was last started

    @property
    def config(self) -> Path:
        return self.folder / "postroom.toml"

    @property
    def log(self) -> Path:
        return self.folder / "logs" / "postroom"

    @property
    def is_up(self) -> bool:
        """Return whether its service has said that it is up."""
        return self.pid is not None and started(self) > self.starts_before

    @property
    def stands_still(self) -> bool:
        """Return whether its process was stopped as a whole."""
        status = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8")
        return status.rpartition(")")[2].split()[0] == "T"


@dataclass(slots=True)
class Stage:
    """One cell of the campaign, played once: `sent` is the ledger."""

    cell: str
    nursery: Nursery
    way: Way
    hosts: list[Host]
    rows: Rows
    archive: Objects
    processes: int = 0  # of each host, to take mails apart
    sent: list[Sent] = field(default_factory=list)

    @property
    def by_relay(self) -> bool:
        """Return whether mails come in by a relay: no round takes them then, but a service."""
        return isinstance(self.way, Relays)

    def send(self, mail: Sent) -> None:
        self.sent.append(mail)
        self.way.send(mail)

    def start(self, host: Host, *, failpoint: str = "", sabotages: Sequence[str] = ()) -> None:
        """Let a host's service start; it may not be up when this returns."""
        words = ["-c", str(host.config), "run"]
        host.starts_before = started(host)
        host.pid = self.nursery.start(words, host.log, failpoint=failpoint, sabotages=sabotages)

    def start_all(self) -> None:
        """Let every host that is dead start."""
        for host in self.hosts:
            if host.pid is None:
                self.start(host)

    def kill(self, host: Host) -> None:
        """End a host, if it lives, as a power cut does; it must not have ended by itself before."""
        if host.pid is not None:
            code = self.nursery.kill(host.pid)
            host.pid = None
            assert code == -9, f"{self.cell}: a service ended by itself with {code}: {tail(host.log)}"

    def kill_all(self) -> None:
        """End every host that lives, as above."""
        for host in self.hosts:
            self.kill(host)

    def poll_now(self) -> None:
        """Ask every host that is up to poll all of its sources, as a person does once a server is back."""
        for host in self.hosts:
            if host.is_up and host.pid is not None:
                os.kill(host.pid, signal.SIGUSR1)

    def is_drained(self) -> bool:
        """Return whether every source is empty and nothing is left to be done."""
        if not self.way.is_empty():
            return False
        owed = "SELECT (SELECT count(*) FROM work) + (SELECT count(*) FROM sighting WHERE settled_at IS NULL)"
        try:
            return bool(self.rows(owed)[0][0] == 0)
        except (sqlite3.OperationalError, psycopg.OperationalError):  # no table yet, or no database now
            return False

    def drain(self, seconds: float = 60.0) -> None:
        """Let every host live until nothing is left to be done; it must need nothing but time."""
        self.start_all()
        try:
            wait_until(self.is_drained, f"{self.cell} to drain", seconds)
        except AssertionError as error:
            raise AssertionError("\n".join([str(error), *(tail(host.log) for host in self.hosts)])) from error

    def count(self) -> Count:
        """Return what became of the mails; no host may be at work."""
        return check_rows(self.rows, self.archive, self.sent, [host.log for host in self.hosts])

    def close(self) -> None:
        self.kill_all()
        self.way.close()


@contextmanager
def stage(
    cell: str,
    folder: Path,
    servers: Servers,
    chance: random.Random,
    *,
    reach: Reach = straight,
    nursery: Nursery | None = None,
    processes: int = 0,
) -> Iterator[Stage]:
    """Yield a fresh stage of a cell, such as "sqlite-imap"; two hosts where they can share the storage.

    "pgfiles-…" is no cell of the campaign: PostgreSQL with a folder that both hosts share.  `reach` may put
    something between the hosts and each server; the ledger is checked past it.  `nursery` is another one
    that the hosts come from.  Each host has so many worker processes: where there are none, a failpoint that
    a mail meets while it is taken apart is the host's.
    """
    storage, way_name = cell.split("-")
    folder.mkdir(parents=True)
    dovecots = servers.dovecots() if way_name in {"imap", "box"} else []
    way = way_named(way_name, folder, chance, dovecots, reach)
    hosts = [Host(folder / f"host{number}") for number in range(1 if storage == "sqlite" else 2)]
    section, rows, archive = BUILDERS[storage](folder, servers, reach)
    for number, host in enumerate(hosts):
        host.log.parent.mkdir(parents=True)
        host.config.touch(0o600)
        host.config.write_text(
            _configuration(host, section, way.section(number), processes), encoding="utf-8"
        )
    played = Stage(cell, nursery or servers.nursery, way, hosts, rows, archive, processes)
    try:
        yield played
    finally:
        played.close()


def _configuration(host: Host, storage: str, sources: str, processes: int) -> str:
    orgs = "".join(f"[org.{org}]\n" for org in ORGS)
    jobs = (
        f'[jobs]\nworkers = 2\nprocesses = {processes}\nlease = "{LEASE_SECONDS:.0f}s"\nbackoff = "1s..2s"\n'
    )
    top = f'state_dir = "{host.folder}/state"\n{storage}{jobs}'
    return top + '[orgs]\naddress = "orders+{org}@in.test"\n' + orgs + sources


def started(host: Host) -> int:
    """Return how often a host has said that it is up."""
    return host.log.read_bytes().count(b'"started"') if host.log.exists() else 0


def tail(log: Path) -> str:
    """Return the last lines of a log."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:])
