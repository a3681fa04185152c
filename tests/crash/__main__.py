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
from pathlib import Path

import pytest

from tests.crash.parts import Play, orders_of, parts_of
from tests.crash.results import Result, load, save, table
from tests.crash.serving import Servers, running_servers
from tests.crash.stages import CELLS


def played(name: str, play: Play, cell: str, servers: Servers, seed: int) -> Result:
    """Play one part in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="crash-") as folder:
        result = play(cell, Path(folder) / cell, servers, seed)
    result.part = name
    return result


def faults_of(result: Result) -> list[str]:
    """Return what should not be: figures that are not zero, failpoints that were not reached."""
    found = [f"{name}={figure}" for name, figure in result.count.faults().items()] + result.breaches
    if result.part in {"syscalls", "faults.syncs"} and not result.reached:
        found.append("nothing was reached")
    if result.part == "failpoints":
        found += [f"not reached: {order}" for order in orders_of(result.cell) if order not in result.reached]
    return found


def main() -> int:
    """Run what is not kept yet, print all that is; return 1 if anything is left out or is not right."""
    parser = argparse.ArgumentParser(prog="make crash")
    parser.add_argument("--kills", type=int, default=300, help="random kills in each cell")
    parser.add_argument("--cells", nargs="*", default=[], choices=[[], *CELLS], help="default: all")
    parser.add_argument("--parts", nargs="*", help='such as "faults" or "faults.wires"; default: all')
    parser.add_argument("--keep", type=Path, default=Path("build/crash"), help="where results are kept")
    chosen = parser.parse_args()
    seed = int(os.environ.get("POSTROOM_CRASH_SEED", "0")) or random.SystemRandom().randrange(1, 2**31)
    wanted = tuple(chosen.parts or [""])
    kept = {(result.cell, result.part) for result in load(chosen.keep)}
    left_out = 0
    with running_servers() as servers:
        for cell in chosen.cells or CELLS:
            for name, play in parts_of(cell, chosen.kills, seed):
                if (cell, name) in kept or not name.startswith(wanted):
                    continue
                begun = time.monotonic()
                try:
                    result = played(name, play, cell, servers, seed)
                except pytest.skip.Exception as skipped:
                    sys.stdout.write(f"{cell} {name}: not played, {skipped}\n")
                    left_out += 1
                    continue
                save(result, chosen.keep)
                said = ", ".join(faults_of(result)) or "no fault"
                sys.stdout.write(f"{cell} {name}: {time.monotonic() - begun:.0f} s, seed {seed}: {said}\n")
                sys.stdout.flush()
    results = load(chosen.keep)
    sys.stdout.write(f"\n{table(results)}\n\nAs JSON: {chosen.keep}\n")
    return int(left_out > 0 or any(faults_of(result) for result in results))


if __name__ == "__main__":
    sys.exit(main())
