"""Where a campaign is played: a storage, a way in, and the hosts that are killed."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.crash.counting import Count, Folder, InBucket, Objects, Rows, check_rows
from tests.crash.ledger import ORGS, Sent
from tests.crash.nursery import Nursery
from tests.crash.ways import Way, way_named
from tests.servers.dovecot import Dovecot
from tests.servers.fixtures import running_dovecot, running_postgres, running_rgw
from tests.servers.postgres import Postgres
from tests.servers.rgw import Rgw
from tests.servers.waiting import wait_until

STORAGES = ("sqlite", "postgres")
WAYS = ("maildir", "imap", "smtp")
CELLS = tuple(f"{storage}-{way}" for storage in STORAGES for way in WAYS)
LEASE_SECONDS = 1.0


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


@dataclass(slots=True)
class Host:
    """One host; it lives while `pid` is set."""

    folder: Path
    pid: int | None = None

    @property
    def config(self) -> Path:
        return self.folder / "postroom.toml"

    @property
    def log(self) -> Path:
        return self.folder / "log"


@dataclass(slots=True)
class Stage:
    """One cell of the campaign, played once: `sent` is the ledger."""

    cell: str
    nursery: Nursery
    way: Way
    hosts: list[Host]
    rows: Rows
    archive: Objects
    sent: list[Sent] = field(default_factory=list)

    def send(self, mail: Sent) -> None:
        self.sent.append(mail)
        self.way.send(mail)

    def start(self, host: Host, *, failpoint: str = "", sabotages: Sequence[str] = ()) -> None:
        """Let a host's service start; it may not be up when this returns."""
        words = ["-c", str(host.config), "run"]
        host.pid = self.nursery.start(words, host.log, failpoint=failpoint, sabotages=sabotages)

    def kill(self, host: Host) -> None:
        """End a host, if it lives, as a power cut does; it must not have ended by itself before."""
        if host.pid is not None:
            code = self.nursery.kill(host.pid)
            host.pid = None
            assert code == -9, f"{self.cell}: a service ended by itself with {code}: {tail(host.log)}"

    def is_drained(self) -> bool:
        """Return whether every source is empty and nothing is left to be done."""
        if not self.way.is_empty():
            return False
        owed = "SELECT (SELECT count(*) FROM work) + (SELECT count(*) FROM sighting WHERE settled_at IS NULL)"
        try:
            return bool(self.rows(owed)[0][0] == 0)
        except sqlite3.OperationalError:  # no table yet
            return False

    def drain(self, seconds: float = 60.0) -> None:
        """Let every host live until nothing is left to be done; it must need nothing but time."""
        for host in self.hosts:
            if host.pid is None:
                self.start(host)
        try:
            wait_until(self.is_drained, f"{self.cell} to drain", seconds)
        except AssertionError as error:
            raise AssertionError("\n".join([str(error), *(tail(host.log) for host in self.hosts)])) from error

    def count(self) -> Count:
        """Return what became of the mails; no host may be at work."""
        return check_rows(self.rows, self.archive, self.sent, [host.log for host in self.hosts])

    def close(self) -> None:
        for host in self.hosts:
            self.kill(host)
        self.way.close()


@contextmanager
def stage(cell: str, folder: Path, servers: Servers, chance: random.Random) -> Iterator[Stage]:
    """Yield a fresh stage of a cell, such as "sqlite-imap"; two hosts where they can share the storage.

    "pgfiles-…" is no cell of the campaign: PostgreSQL with a folder that both hosts share.
    """
    storage, way_name = cell.split("-")
    folder.mkdir(parents=True)
    dovecots = servers.dovecots() if way_name in {"imap", "box"} else []
    way = way_named(way_name, folder, chance, dovecots)
    build = {"sqlite": _on_sqlite, "postgres": _on_postgres, "pgfiles": _on_postgres_and_files}[storage]
    hosts = [Host(folder / f"host{number}") for number in range(1 if storage == "sqlite" else 2)]
    section, rows, archive = build(hosts, servers)
    for number, host in enumerate(hosts):
        host.folder.mkdir()
        host.config.touch(0o600)
        host.config.write_text(_configuration(host, section, way.section(number)), encoding="utf-8")
    played = Stage(cell, servers.nursery, way, hosts, rows, archive)
    try:
        yield played
    finally:
        played.close()


def _configuration(host: Host, storage: str, sources: str) -> str:
    orgs = "".join(f"[org.{org}]\n" for org in ORGS)
    jobs = f'[jobs]\nworkers = 2\nlease = "{LEASE_SECONDS:.0f}s"\nbackoff = "1s..2s"\n'
    top = f'state_dir = "{host.folder}/state"\n{storage}{jobs}'
    return top + '[orgs]\naddress = "orders+{org}@in.test"\n' + orgs + sources


_Built = tuple[str, Rows, Objects]


def _on_sqlite(hosts: list[Host], _servers: Servers) -> _Built:
    state_dir = hosts[0].folder / "state"

    def rows(query: str, *values: object) -> list[Any]:
        database = sqlite3.connect(f"file:{state_dir / 'postroom.db'}?mode=ro", uri=True, timeout=10)
        try:
            return database.execute(query, values).fetchall()
        finally:
            database.close()

    return "", rows, Folder(state_dir / "archive")


def _on_postgres(_hosts: list[Host], servers: Servers) -> _Built:
    section, rows = _rows_in(servers.postgres())
    service = servers.rgw().service
    bucket = service.fresh_bucket()
    url = f"s3://{bucket}/?endpoint={service.endpoint}"
    keys = f'access_key = "{service.access_key}"\nsecret_key = "{service.secret_key}"\n'
    return f'{section}[storage]\nurl = "{url}"\n{keys}', rows, InBucket(service, bucket)


def _on_postgres_and_files(hosts: list[Host], servers: Servers) -> _Built:
    section, rows = _rows_in(servers.postgres())
    archive = hosts[0].folder.parent / "archive"
    return f'{section}[storage]\nurl = "file://{archive}"\n', rows, Folder(archive)


def _rows_in(postgres: Postgres) -> tuple[str, Rows]:
    """Return the [db] section for a fresh database, and what asks it."""
    database = postgres.make_database()

    def rows(query: str, *values: object) -> list[Any]:
        if not postgres.execute("SELECT to_regclass('work') IS NOT NULL", database=database)[0][0]:
            raise sqlite3.OperationalError("no table yet")
        return postgres.execute(query.replace("?", "%s"), values, database=database)

    return postgres.section(database), rows


def tail(log: Path) -> str:
    """Return the last lines of a log."""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:])
