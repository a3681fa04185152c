"""Hosts that share mailboxes and a database are killed, frozen and cut off at random; then all is counted.

make test-hosts HOSTS_SECONDS=300    a long campaign; the seed is printed, POSTROOM_HOSTS_SEED repeats it
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from threading import Event, Semaphore
from typing import Any

import pytest

from tests.cluster.hosts import Host, Shared
from tests.cluster.witness import largest_gap, polled_by_two, sessions
from tests.crash.counting import Count, Folder, check_rows
from tests.crash.ledger import Post, Sent
from tests.servers.fixtures import running_dovecot, running_postgres
from tests.servers.waiting import wait_until

SECONDS = int(os.environ.get("POSTROOM_HOSTS_SECONDS", "20"))
SEED = int(os.environ.get("POSTROOM_HOSTS_SEED", "1"))
LEASE_SECONDS = 20 if SECONDS >= 60 else 4
BOXES = 60 if SECONDS >= 60 else 6
MAILS = 20 * SECONDS
HOSTS = 3
POLL_SECONDS = 20 if SECONDS >= 60 else 2
GRACE_SECONDS = 15.0

pytestmark = [
    pytest.mark.crash,
    pytest.mark.hosts,
    pytest.mark.dovecot,
    pytest.mark.postgres,
    pytest.mark.timeout(600 + 14 * SECONDS),
]


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Shared]:
    with running_postgres(fsync=True) as postgres, running_dovecot(doors=HOSTS) as dovecot:
        boxes = [f"box{number}" for number in range(BOXES)]
        for box in boxes:
            dovecot.add_user(box)
        database = postgres.make_database()
        yield Shared(tmp_path, postgres, database, dovecot, boxes, POLL_SECONDS, LEASE_SECONDS)


@pytest.fixture
def hosts(shared: Shared) -> Iterator[list[Host]]:
    made = [Host(f"host{number}", shared, door) for number, door in enumerate(shared.dovecot.doors)]
    yield made
    for host in made:
        host.close()


def test_hosts_that_die_hang_and_lose_the_network_lose_and_double_nothing(
    shared: Shared, hosts: list[Host]
) -> None:
    for host in hosts:
        host.start()

    sent, faults = _campaign(shared, hosts)
    _drained(shared, len(sent))
    codes = [host.terminate() for host in hosts]

    count = check_rows(_rows_of(shared), Folder(shared.folder / "archive"), sent)
    count.kills = faults
    seen = sessions(shared.dovecot.log(), time.localtime().tm_year)
    windows = {host.door: host.faults for host in hosts}
    pairs, excused = polled_by_two(seen, windows, grace_seconds=GRACE_SECONDS)
    _say(count, polls=len(seen), pairs=len(pairs), excused=excused, gap=largest_gap(seen))
    assert count.faults() == {}
    assert pairs == []
    assert codes == [0] * HOSTS
    assert [host.name for host in hosts if "Traceback" in host.log] == []


def _campaign(shared: Shared, hosts: list[Host]) -> tuple[list[Sent], int]:
    """Deliver mails for SECONDS while faults befall the hosts, never all of them at once."""
    chance, post, sent = random.Random(SEED), Post(SEED, largest_bytes=4_000, most_files=1), list[Sent]()  # noqa: S311  (a seed repeats a campaign)
    over, standing = Event(), Semaphore(HOSTS - 1)
    with ThreadPoolExecutor(HOSTS) as fates:
        seeds = [chance.randrange(2**31) for _ in hosts]
        befallen = [
            fates.submit(_fate, host, seed, over, standing) for host, seed in zip(hosts, seeds, strict=True)
        ]
        begun = time.monotonic()
        while len(sent) < MAILS:
            sent.append(post.write())
            shared.dovecot.deliver(chance.choice(shared.boxes), sent[-1].raw)
            over.wait(max(0.0, begun + len(sent) * SECONDS / MAILS - time.monotonic()))
        over.set()
        return sent, sum(each.result() for each in befallen)


def _fate(host: Host, seed: int, over: Event, standing: Semaphore) -> int:
    """Let one fault after the other befall a host; return how many it were."""
    chance, count = random.Random(seed), 0  # noqa: S311  (as above)
    kinds: list[Callable[[Host, random.Random, Event], None]] = [
        _killed,
        _frozen,
        _cut_off,
        _hanging,
        _restarted,
    ]
    while not over.wait(chance.uniform(0.5, 6.0)):
        with standing, host.at_fault():
            chance.choice(kinds)(host, chance, over)
        count += 1
    return count


def _killed(host: Host, chance: random.Random, over: Event) -> None:
    host.kill()
    over.wait(chance.uniform(0.0, LEASE_SECONDS))
    host.start()


def _frozen(host: Host, chance: random.Random, over: Event) -> None:
    host.freeze()
    over.wait(LEASE_SECONDS + chance.uniform(1.0, 5.0))
    host.thaw()


def _cut_off(host: Host, chance: random.Random, over: Event) -> None:
    host.wire.cut()
    over.wait(chance.uniform(0.5, 2.0 * LEASE_SECONDS))
    host.wire.mend()


def _hanging(host: Host, chance: random.Random, over: Event) -> None:
    host.wire.hang()
    over.wait(LEASE_SECONDS + chance.uniform(1.0, 5.0))
    host.wire.mend()


def _restarted(host: Host, _chance: random.Random, _over: Event) -> None:
    assert host.terminate() == 0
    host.start()


def _drained(shared: Shared, mails: int) -> None:
    rows = _rows_of(shared)

    def is_drained() -> bool:
        stored = rows("SELECT count(*) FROM inbound_message")[0][0]
        owed = rows(
            "SELECT (SELECT count(*) FROM work) + (SELECT count(*) FROM sighting WHERE settled_at IS NULL)"
        )
        return (stored >= mails, owed[0][0]) == (True, 0)

    wait_until(
        is_drained, f"{mails} mails to be taken, taken apart, announced and settled", 300 + 12 * SECONDS
    )


def _rows_of(shared: Shared) -> Callable[..., list[tuple[Any, ...]]]:
    def rows(query: str, *values: object) -> list[tuple[Any, ...]]:
        return shared.postgres.execute(query.replace("?", "%s"), values, database=shared.database)

    return rows


def _say(count: Count, *, polls: int, pairs: int, excused: int, gap: tuple[float, str]) -> None:
    figures = " ".join(f"{field.name}={getattr(count, field.name)}" for field in fields(count))
    sys.stdout.write(
        f"\nhosts={HOSTS} mailboxes={BOXES} lease={LEASE_SECONDS}s poll={POLL_SECONDS}s seed={SEED}\n"
        f"{figures.replace('kills', 'faults_injected')}\n"
        f"polls={polls} polled_by_two_at_once={pairs} excused={excused} largest_poll_gap={gap[0]:.0f}s\n"
    )
