"""The parts of a campaign by cell; each is played on a fresh stage, and kept when it is over."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from tests.crash.failpoint_sweep import failpoints_of, sweep_failpoints
from tests.crash.faults.archive import trouble_the_archive
from tests.crash.faults.clock import turn_the_clock
from tests.crash.faults.database import kill_the_database
from tests.crash.faults.disks import fill_disks
from tests.crash.faults.mailboxes import change_mailboxes
from tests.crash.faults.syncs import fail_syncs
from tests.crash.faults.wires import disturb_wires
from tests.crash.ordering import prove_order
from tests.crash.random_kills import kill_at_random
from tests.crash.results import Result
from tests.crash.serving import Servers
from tests.crash.stages import Stage, stage
from tests.crash.syscall_sweep import sweep_syscalls

ROUND_KILLS: Final = 100

Play = Callable[[str, Path, Servers, int], Result]
"""Play one part of a cell in a folder with these servers and a seed."""


def parts_of(cell: str, kills: int, seed: int) -> Iterator[tuple[str, Play]]:
    """Yield the parts of a cell by name; of "faults.wires" the table shows the first word."""
    yield "failpoints", on_stage(partial(sweep_failpoints, seed=seed, orders=orders_of(cell)))
    yield "order", on_stage(partial(prove_order, seed=seed))
    yield "order.worker", on_stage(partial(prove_order, seed=seed), processes=1)
    yield "syscalls", on_stage(partial(sweep_syscalls, seed=seed))
    for name, play in _FAULTS.items():
        if befalls(name, cell):
            yield name, play
    for number in range(-(-kills // ROUND_KILLS)):
        some = min(ROUND_KILLS, kills - number * ROUND_KILLS)
        kill = partial(kill_at_random, seed=seed + number, kills=some)
        yield f"random.{number:03}", on_stage(kill, processes=1)


def orders_of(cell: str) -> list[str]:
    """Return an order to die and one to fail for every failpoint of a cell."""
    return [f"{name}:{act}" for name in failpoints_of(cell) for act in ("kill", "raise")]


def befalls(fault: str, cell: str) -> bool:
    """Return whether a part about faults has anything that it could befall in a cell."""
    return fault not in _NOT_EVERYWHERE or cell in _NOT_EVERYWHERE[fault]


def on_stage(act: Callable[[Stage], Result], processes: int = 0) -> Play:
    """Return what plays an act on a stage that nothing stands in the way of; see `stage` for `processes`."""

    def play(cell: str, folder: Path, servers: Servers, seed: int) -> Result:
        chance = random.Random(seed)  # noqa: S311  (a seed repeats a campaign)
        with stage(cell, folder, servers, chance, processes=processes) as played:
            return act(played)

    return play


_POSTGRES = {"postgres-maildir", "postgres-imap", "postgres-smtp"}
_FAULTS: Final[dict[str, Play]] = {
    "faults.wires": disturb_wires,
    "faults.database": kill_the_database,
    "faults.archive": trouble_the_archive,
    "faults.disks": fill_disks,
    "faults.syncs": fail_syncs,
    "faults.clock": turn_the_clock,
    "mailbox": change_mailboxes,
}
_NOT_EVERYWHERE: Final[dict[str, set[str]]] = {
    "faults.wires": _POSTGRES | {"sqlite-imap", "sqlite-smtp"},
    "faults.database": _POSTGRES,
    "faults.archive": _POSTGRES,
    # Where S3 keeps the archive, a relay alone syncs what somebody relies on.
    "faults.syncs": {"sqlite-maildir", "sqlite-imap", "sqlite-smtp", "postgres-smtp"},
    "mailbox": {"sqlite-imap", "postgres-imap"},
}
