"""The whole campaign: `make crash KILLS=1000 CELLS="sqlite-maildir postgres-imap"`.

Each part that is over is kept below build/crash, so that a campaign that was broken off goes on where it was;
what is kept is printed as a table and as JSON.  POSTROOM_CRASH_SEED repeats a campaign.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.crash.failpoint_sweep import failpoints_of, sweep_failpoints
from tests.crash.ordering import prove_order
from tests.crash.random_kills import kill_at_random
from tests.crash.results import Result, load, save, table
from tests.crash.stages import CELLS, Servers, Stage, running_servers, stage
from tests.crash.syscall_sweep import sweep_syscalls

ROUND_KILLS = 100

Part = tuple[str, Callable[[Stage], Result]]


def parts(cell: str, kills: int, seed: int) -> Iterator[Part]:
    """Yield the parts of a cell by name; each wants a fresh stage."""
    yield "failpoints", partial(sweep_failpoints, seed=seed, orders=orders_of(cell))
    yield "order", partial(prove_order, seed=seed)
    yield "syscalls", partial(sweep_syscalls, seed=seed)
    for number in range(-(-kills // ROUND_KILLS)):
        some = min(ROUND_KILLS, kills - number * ROUND_KILLS)
        yield f"random.{number:03}", partial(kill_at_random, seed=seed + number, kills=some)


def orders_of(cell: str) -> list[str]:
    """Return an order to die and one to fail for every failpoint of a cell."""
    return [f"{name}:{act}" for name in failpoints_of(cell) for act in ("kill", "raise")]


def play(part: Part, cell: str, servers: Servers, seed: int) -> Result:
    """Play one part on a fresh stage."""
    name, act = part
    with tempfile.TemporaryDirectory(prefix="crash-") as folder:
        chance = random.Random(seed)  # noqa: S311  (a seed repeats a campaign)
        with stage(cell, Path(folder) / cell, servers, chance) as played:
            result = act(played)
    result.part = name
    return result


def faults_of(result: Result) -> list[str]:
    """Return what should not be: figures that are not zero, failpoints that were not reached."""
    found = [f"{name}={figure}" for name, figure in result.count.faults().items()] + result.breaches
    if result.part == "failpoints":
        found += [f"not reached: {order}" for order in orders_of(result.cell) if order not in result.reached]
    return found


def main() -> int:
    """Run what is not kept yet, print all that is; return 1 if anything is not as it should be."""
    parser = argparse.ArgumentParser(prog="make crash")
    parser.add_argument("--kills", type=int, default=300, help="random kills in each cell")
    parser.add_argument("--cells", nargs="*", default=[], choices=[[], *CELLS], help="default: all")
    parser.add_argument("--keep", type=Path, default=Path("build/crash"), help="where results are kept")
    chosen = parser.parse_args()
    seed = int(os.environ.get("POSTROOM_CRASH_SEED", "0")) or random.SystemRandom().randrange(1, 2**31)
    kept = {(result.cell, result.part) for result in load(chosen.keep)}
    with running_servers() as servers:
        for cell in chosen.cells or CELLS:
            for part in parts(cell, chosen.kills, seed):
                if (cell, part[0]) in kept:
                    continue
                begun = time.monotonic()
                result = play(part, cell, servers, seed)
                save(result, chosen.keep)
                said = ", ".join(faults_of(result)) or "no fault"
                sys.stdout.write(f"{cell} {part[0]}: {time.monotonic() - begun:.0f} s, seed {seed}: {said}\n")
                sys.stdout.flush()
    results = load(chosen.keep)
    sys.stdout.write(f"\n{table(results)}\n\nAs JSON: {chosen.keep}\n")
    return int(any(faults_of(result) for result in results))


if __name__ == "__main__":
    sys.exit(main())
