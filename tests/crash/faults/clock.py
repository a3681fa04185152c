"""A clock that jumps by days while postroom works, forward and back, and is set right again."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from tests.crash.faults.ordeal import Ordeal
from tests.crash.results import Result
from tests.crash.serving import Servers
from tests.crash.stages import Host, stage
from tests.nursery import Nursery
from tests.servers.fixtures import missing
from tests.servers.waiting import wait_until

DAYS: Final = (3, -3, 3, -3)
"""By how much the clock is wrong, one time after the other."""
_LIBRARIES = "*/faketime/libfaketimeMT.so.1"
_LONGEST_SECONDS = 60.0
_REFUSAL: Final = b"RequestTimeTooSkewed"
_SHARED: Final = Path("/dev/shm")  # noqa: S108  (where the library keeps it)


def turn_the_clock(
    cell: str, folder: Path, servers: Servers, seed: int, *, wrong_by: Sequence[int] = DAYS
) -> Result:
    """Set the hosts' clock days ahead and days back while mails come in, and right again.

    Where no other fault comes of it, nobody asks for a poll: the service has to go on by itself.  Its heart
    beats everywhere.
    """
    chance = random.Random(seed)  # noqa: S311  (a seed repeats a campaign)
    folder.parent.mkdir(parents=True, exist_ok=True)
    shown = folder.parent / f"{cell}.clock"
    shown.write_text("+0\n", encoding="ascii")
    with (
        _tidied(),
        Nursery(_environ(shown), sabotages=["sleep by waiting"]) as nursery,
        stage(cell, folder, servers, chance, nursery=nursery) as played,
    ):
        ordeal = Ordeal(played, "faults.clock", seed)
        ordeal.begin()
        for days in wrong_by:
            _turn(ordeal, shown, days)
        return ordeal.conclude()


@contextmanager
def _tidied() -> Iterator[None]:
    """Remove in the end what the library keeps for a process, and leaves where that is killed."""
    yield
    for left in [*_SHARED.glob("faketime_shm_*"), *_SHARED.glob("sem.faketime_sem_*")]:
        if not Path("/proc", left.name.rpartition("_")[2]).exists():
            left.unlink(missing_ok=True)


def _environ(shown: Path) -> dict[str, str]:
    """Return what lets a process see the clock that a file says: libfaketime reads it once a second."""
    library = next(Path("/usr/lib").glob(_LIBRARIES), None)
    if library is None:
        missing("needs libfaketime (Debian package)")
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(shown),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }


def _turn(ordeal: Ordeal, shown: Path, days: int) -> None:
    """Let all hosts live for a while with a clock that is wrong by so many days, and set it right."""
    ordeal.send()
    _set(ordeal, shown, days)
    ordeal.send()
    by_then = (datetime.now(UTC) + timedelta(days=days)).date().isoformat().encode()
    _live_with_it(ordeal)
    ordeal.send()
    _set(ordeal, shown, 0)
    ordeal.met(f"clock wrong by {days} days", bit=ordeal.logged(by_then) > 0)
    ordeal.send()
    ordeal.recover(by_itself=not _has_s3(ordeal))  # which was a fault: a mailbox rests after it


def _live_with_it(ordeal: Ordeal) -> None:
    """Let all drain; where S3 keeps the archive, it refuses who is so late or early, and that is told."""
    if not _has_s3(ordeal):
        ordeal.stage.drain()
        return
    before = ordeal.logged(_REFUSAL)
    wait_until(
        lambda: ordeal.logged(_REFUSAL) > before, "S3 to refuse whose clock is wrong", _LONGEST_SECONDS
    )


def _has_s3(ordeal: Ordeal) -> bool:
    return ordeal.stage.cell.startswith("postgres")


def _set(ordeal: Ordeal, shown: Path, days: int) -> None:
    """Set the clock, and return when the heart of each host has beaten since.

    It beats by the clock that counts: that of the database, where hosts share one, which is right.
    """
    set_at, shown_days = time.time(), days if ordeal.stage.cell.startswith("sqlite") else 0
    shown.write_text(f"{days:+}d\n", encoding="ascii")

    def beats(host: Host) -> bool:
        beaten_at = (host.folder / "state" / "heartbeat").stat().st_mtime - shown_days * 86_400
        return set_at < beaten_at < set_at + _LONGEST_SECONDS

    for host in ordeal.stage.hosts:
        wait_until(lambda: beats(host), f"{host.folder} to beat {days} days off", _LONGEST_SECONDS)  # noqa: B023  (called now)
