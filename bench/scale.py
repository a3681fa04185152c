"""What many hosts cost and bring: claims, wake-ups, an idle host, mails with one and two hosts, old rows.

python -m bench.scale [--json FILE] [NAME...]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Final

from bench.old_rows import cost_of_old_rows
from bench.report import Figure, median, percentile, show, write
from postroom.app.logs import configure
from postroom.config.settings import Log
from postroom.db.engine import open_database
from postroom.db.orgs import SqlDirectory
from postroom.db.outbox import SqlOutbox
from postroom.jobs.cluster_engine import Engine, Lane
from postroom.jobs.cluster_jobs import Jobs
from postroom.jobs.runner import EXTRACT
from tests.cluster.hosts import Host, Shared
from tests.crash.ledger import Post
from tests.databases import migrated
from tests.servers.fixtures import running_dovecot, running_postgres
from tests.servers.postgres import Postgres
from tests.servers.waiting import wait_until

_CLAIMED = 4_000
_WOKEN = 200
_IDLE_SECONDS = 60.0
_MAILS, _BOXES = 1_000, 20
_SEED: Final = 7


def claims_per_second() -> Iterator[Figure]:
    """Yield how many messages a second are claimed, twenty at a time, by one process and by two."""
    with running_postgres(fsync=True) as server:
        for processes in (1, 2):
            name = server.make_database(migrated)
            _add_org(server.url(name))
            server.execute(
                "INSERT INTO work (message_id, org_id, state, due_at, token)"
                " SELECT gen_random_uuid(), o.id, 'owed', now() - interval '1 minute', 0"
                " FROM org AS o, generate_series(1, %s)",
                [_CLAIMED],
                database=name,
            )
            with ProcessPoolExecutor(processes) as workers:
                begun = time.perf_counter()
                counts = list(workers.map(_claim_all, [server.url(name)] * processes))
                seconds = time.perf_counter() - begun
            yield Figure(
                f"claims, {processes} process(es)", sum(counts) / seconds, "claims/s", "20 a claim, fsync"
            )


def _add_org(url: str) -> None:
    database = open_database(url)
    SqlDirectory(database).add("acme", datetime.now(UTC))
    database.close()


def _claim_all(url: str) -> int:
    """Claim until nothing is due; return how many messages it were."""
    database = open_database(url)
    outbox, count, now = SqlOutbox(database), 0, datetime.now(UTC)
    while claimed := outbox.claim(limit=20, holder="bench", lease_seconds=600, now=now):
        count += len(claimed)
    database.close()
    return count


def wake_up() -> Iterator[Figure]:
    """Yield how long it takes from a commit until another process's worker begins with the job."""
    with running_postgres(fsync=True) as server:
        database = open_database(server.url(server.make_database(migrated)))
        began, woken, waits = [0.0], Event(), list[float]()

        def run() -> None:
            began[0] = time.perf_counter()
            woken.set()

        engine = Engine(database.driver_arguments(), [Lane(EXTRACT, run, 1)], lease_seconds=30)
        engine.start()
        jobs, pause = Jobs(), Event()
        for _ in range(_WOKEN):
            pause.wait(0.05)  # until the worker listens again
            woken.clear()
            with database.write() as session:
                jobs.defer(session.connection().connection.driver_connection, EXTRACT)
            committed = time.perf_counter()
            assert woken.wait(30)
            waits.append(max(0.0, began[0] - committed) * 1000)
        engine.stop()
        database.close()
    yield Figure("commit to worker, median", median(waits), "ms", "LISTEN/NOTIFY")
    yield Figure("commit to worker, p99", percentile(waits, 0.99), "ms")


@contextmanager
def _cluster(hosts: int, boxes: int, poll_seconds: int) -> Iterator[tuple[Shared, list[Host]]]:
    with (
        tempfile.TemporaryDirectory() as folder,
        running_postgres(fsync=True) as server,
        running_dovecot(doors=hosts) as dovecot,
    ):
        names = [f"box{number}" for number in range(boxes)]
        for name in names:
            dovecot.add_user(name)
        shared = Shared(Path(folder), server, server.make_database(), dovecot, names, poll_seconds, 30)
        made = [Host(f"host{number}", shared, door) for number, door in enumerate(dovecot.doors)]
        try:
            yield shared, made
        finally:
            for host in made:
                host.close()


def idle_host() -> Iterator[Figure]:
    """Yield what a host costs that has 60 empty mailboxes, each polled once a minute."""
    with _cluster(1, 60, 60) as (shared, (host,)):
        host.start()
        Event().wait(20)  # the first polls of all are over
        before, statements = host.cpu_seconds(), _statements(shared.postgres, shared.database)
        Event().wait(_IDLE_SECONDS)
        share = (host.cpu_seconds() - before) / _IDLE_SECONDS * 100
        asked = (_statements(shared.postgres, shared.database) - statements) / _IDLE_SECONDS
    yield Figure("idle host", share, "% of a core", "60 mailboxes, poll 60 s")
    yield Figure("idle host, transactions", asked, "1/s")


def _statements(server: Postgres, database: str) -> int:
    rows = server.execute(
        "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = %s", [database]
    )
    return int(rows[0][0])


def mails_per_second() -> Iterator[Figure]:
    """Yield how many mails a second go from Dovecot to PARSED with one host and with two."""
    for count in (1, 2):
        with _cluster(count, _BOXES, 2) as (shared, hosts):
            post = Post(_SEED, largest_bytes=20_000)
            for number in range(_MAILS):
                shared.dovecot.deliver(shared.boxes[number % _BOXES], post.write().raw)
            hosts[0].start()  # makes the schema
            begun = time.perf_counter()
            for host in hosts[1:]:
                host.start()
            wait_until(lambda: _parsed(shared) >= _MAILS, "all mails to be parsed", 900)
            seconds = time.perf_counter() - begun
            busy = sum(host.cpu_seconds() for host in hosts) / seconds * 100
        note = f"PostgreSQL with fsync, archive in files; hosts used {busy:.0f} % of a core"
        yield Figure(f"mails, {count} host(s)", _MAILS / seconds, "mails/s", note)


def _parsed(shared: Shared) -> int:
    asked = "SELECT count(*) FROM inbound_message WHERE status = 'parsed'"
    return int(shared.postgres.execute(asked, database=shared.database)[0][0])


MEASURES: Final[dict[str, Callable[[], Iterator[Figure]]]] = {
    "claims": claims_per_second,
    "wake-up": wake_up,
    "idle": idle_host,
    "mails": mails_per_second,
    "old-rows": cost_of_old_rows,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"which: {', '.join(MEASURES)} (default: all)"
    )
    parser.add_argument("--json", type=Path, help="write the figures there too")
    chosen = parser.parse_args()
    configure(Log(level="error", format="json"), stream=sys.stderr, environ={})
    figures: list[Figure] = []
    for name in chosen.names or MEASURES:
        measured = list(MEASURES[name]())
        show(measured)
        figures += measured
    if chosen.json:
        write(figures, chosen.json)


if __name__ == "__main__":
    main()
