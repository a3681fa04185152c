"""What hosts cost that wait, and how many mails a second one and two of them take, with what keeps them."""

from __future__ import annotations

import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from threading import Event
from typing import Final

from bench.report import Figure
from tests.cluster.hosts import Host, Shared
from tests.crash.ledger import Post
from tests.servers.fixtures import running_dovecot, running_postgres, running_rgw
from tests.servers.postgres import Postgres
from tests.servers.waiting import wait_until

_IDLE_SECONDS = 60.0
_MAILS, _BOXES = 1_000, 20
_SEED: Final = 7
# What works besides the hosts, by the names that the kernel knows it under.
_BESIDES: Final = {
    "PostgreSQL": ("postgres",),
    "S3": ("radosgw", "ceph-osd", "ceph-mon"),
    "Dovecot": ("dovecot", "imap", "imap-login", "auth", "config", "anvil", "log", "stats"),
}


def idle_host() -> Iterator[Figure]:
    """Yield what a host costs that has 60 empty mailboxes, each polled once a minute."""
    with cluster(1, 60, 60) as (shared, (host,)):
        host.start()
        Event().wait(20)  # the first polls of all are over
        before, statements = host.cpu_seconds(), _statements(shared.postgres, shared.database)
        Event().wait(_IDLE_SECONDS)
        share = (host.cpu_seconds() - before) / _IDLE_SECONDS * 100
        asked = (_statements(shared.postgres, shared.database) - statements) / _IDLE_SECONDS
    yield Figure("idle host", share, "% of a core", "60 mailboxes, poll 60 s")
    yield Figure("idle host, transactions", asked, "1/s")


def mails_per_second() -> Iterator[Figure]:
    """Yield how many mails a second go from Dovecot to PARSED with one host and with two, per archive."""
    for archive, open_archive in _ARCHIVES.items():
        with open_archive() as storage:
            for count in (1, 2):
                yield _rate(count, archive, storage())


def _rate(hosts: int, archive: str, storage: str) -> Figure:
    with cluster(hosts, _BOXES, 60, storage) as (shared, made):
        post = Post(_SEED, largest_bytes=20_000)
        for number in range(_MAILS):
            shared.dovecot.deliver(shared.boxes[number % _BOXES], post.write().raw)
        made[0].start()  # makes the schema
        begun, before = time.perf_counter(), seconds_besides()
        for host in made[1:]:
            host.start()
        wait_until(lambda: _parsed(shared) >= _MAILS, "all mails to be parsed", 900)
        seconds = time.perf_counter() - begun
        spent = {"hosts": sum(host.cpu_seconds() for host in made), **_since(before)}
    shares = ", ".join(f"{name} {used / seconds * 100:.0f} %" for name, used in spent.items() if used > 0)
    return Figure(f"mails, {hosts} host(s), {archive}", _MAILS / seconds, "mails/s", f"of a core: {shares}")


@contextmanager
def cluster(
    hosts: int, boxes: int, poll_seconds: int, storage: str = "", more: str = "", connections: int = 0
) -> Iterator[tuple[Shared, list[Host]]]:
    """Yield what hosts share and the hosts, not started; `more` goes into Dovecot's configuration."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_postgres(fsync=True) as server,
        running_dovecot(doors=hosts, more=more) as dovecot,
    ):
        names = [f"box{number}" for number in range(boxes)]
        for name in names:
            dovecot.add_user(name)
        database = server.make_database()
        shared = Shared(
            Path(folder), server, database, dovecot, names, poll_seconds, 30, storage, connections
        )
        made = [Host(f"host{number}", shared, door) for number, door in enumerate(dovecot.doors)]
        try:
            yield shared, made
        finally:
            for host in made:
                host.close()


@contextmanager
def _in_s3() -> Iterator[Callable[[], str]]:
    """Yield what returns the [storage] section of a bucket with nothing in it."""
    with running_rgw() as server:

        def fresh() -> str:
            service = server.service
            url = service.storage(service.fresh_bucket(), "mail").url
            keys = f'access_key = "{service.access_key}"\nsecret_key = "{service.secret_key}"\n'
            return f'[storage]\nurl = "{url}"\n{keys}'

        yield fresh


_ARCHIVES: Final[Mapping[str, Callable[[], AbstractContextManager[Callable[[], str]]]]] = {
    "files": lambda: nullcontext(lambda: ""),
    "RGW": _in_s3,
}


def _parsed(shared: Shared) -> int:
    asked = "SELECT count(*) FROM inbound_message WHERE status = 'parsed'"
    return int(shared.postgres.execute(asked, database=shared.database)[0][0])


def _statements(server: Postgres, database: str) -> int:
    rows = server.execute(
        "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = %s", [database]
    )
    return int(rows[0][0])


def _since(before: Mapping[str, float]) -> dict[str, float]:
    return {name: seconds - before[name] for name, seconds in seconds_besides().items()}


def seconds_besides() -> dict[str, float]:
    """Return, by server, the processor time that the servers have used, their ended children counted."""
    used = Counter[str]()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            name = (folder / "comm").read_text(encoding="ascii").strip()
            fields = (folder / "stat").read_text(encoding="ascii").rpartition(")")[2].split()
        except (OSError, UnicodeDecodeError):
            continue  # it ended meanwhile
        used[name] += sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    return {server: sum(used[name] for name in names) for server, names in _BESIDES.items()}
