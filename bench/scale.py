"""What many hosts cost and bring: claims, wake-ups, an idle host, mails with one and two hosts, old rows.

python -m bench.scale [--json FILE] [NAME...]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import Event
from typing import Final

from bench.hosts import idle_host, mails_per_second
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
from tests.databases import migrated
from tests.servers.fixtures import running_postgres

_CLAIMED = 4_000
_WOKEN = 200


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
            with database.write() as connection:
                jobs.defer(connection.connection.driver_connection, EXTRACT)
            committed = time.perf_counter()
            assert woken.wait(30)
            waits.append(max(0.0, began[0] - committed) * 1000)
        engine.stop()
        database.close()
    yield Figure("commit to worker, median", median(waits), "ms", "LISTEN/NOTIFY")
    yield Figure("commit to worker, p99", percentile(waits, 0.99), "ms")


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
