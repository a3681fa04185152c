"""Every failpoint in turn: the service dies there, or meets an error there, and nothing is lost."""

from __future__ import annotations

import random
import time
from collections.abc import Iterable
from contextlib import suppress

from postroom.failpoints import FAILPOINTS
from tests.crash.counting import Count
from tests.crash.ledger import Post
from tests.crash.results import Result
from tests.crash.stages import Host, Stage
from tests.servers.waiting import wait_until

BY_HAND = {"deliver.read", "deliver.kept", "ingest.read"}
"""What no service reaches: the two commands that take a mail and end."""
_BY_WAY = {"relay": {"smtp"}, "imap": {"imap"}, "file": {"maildir", "smtp"}, "maildir": {"smtp"}}
_BY_STORAGE = {"archive": {"sqlite"}, "s3": {"postgres"}}
_LONGEST_SECONDS = 30.0
_SMALL = (1, 8_000)
_BIG = (5_300_000, 5_300_000)  # bytes: more than one part of an object in S3


def failpoints_of(cell: str) -> list[str]:
    """Return the failpoints that a service of this cell can reach, in the order of a mail's way."""
    storage, way = cell.split("-")
    return [name for name in FAILPOINTS if name not in BY_HAND and _is_on_the_way(name, storage, way)]


def _is_on_the_way(name: str, storage: str, way: str) -> bool:
    kind = name.partition(".")[0]
    if name == "file.linked":
        return way == "maildir"  # the relay's Maildir has its mails deleted
    return way in _BY_WAY.get(kind, {way}) and storage in _BY_STORAGE.get(kind, {storage})


def sweep_failpoints(stage: Stage, seed: int, orders: Iterable[str], *, patient: bool = True) -> Result:
    """Let the service obey each order while it takes mails, and in the end recover and count.

    What is in `reached` was carried out: the service died of it, or met the error.  If `patient`, it recovers
    after each one, and the time is taken.
    """
    post = Post(seed, largest_bytes=8_000)
    result = Result(stage.cell, "failpoints", seed, Count(0))
    chance = random.Random(seed)  # noqa: S311  (a seed repeats a campaign)
    kills = 0
    for order in orders:
        if _meet(stage, chance.choice(stage.hosts), post, order):
            result.reached.append(order)
            kills += order.endswith(":kill")
        if patient:
            begun = time.monotonic()
            stage.drain(_LONGEST_SECONDS)
            result.recoveries.append(time.monotonic() - begun)
    stage.drain()
    stage.kill_all()
    result.count = stage.count()
    result.count.kills = kills
    return result


def _meet(stage: Stage, host: Host, post: Post, order: str) -> bool:
    """Give a mail to a host that has an order; return whether it carried it out, alone at work meanwhile."""
    stage.kill_all()
    told = f"failpoint {order.replace(':', ': ')}\n".encode()
    before = _times(host, told)
    stage.start(host, failpoint=order)
    post.smallest_bytes, post.largest_bytes = _BIG if order.startswith("s3.part") else _SMALL
    stage.sent += stage.way.send_to_each(stage.hosts.index(host), post.write)
    with suppress(AssertionError):
        wait_until(lambda: _times(host, told) > before or stage.is_drained(), order, _LONGEST_SECONDS)
    reached = _times(host, told) > before
    if reached and order.endswith(":kill"):
        assert host.pid is not None
        code = stage.nursery.wait(host.pid, 10.0)
        host.pid = None
        assert code == -9, f"{order}: ended with {code}"
    return reached


def _times(host: Host, told: bytes) -> int:
    return host.log.read_bytes().count(told) if host.log.exists() else 0
