"""What a mail costs in larger and larger mailboxes, a poll without news, a mail beside a million old rows.

python -m bench.growth [--mails 1000 10000 50000] [--rounds 3] [--rows 1000000] [--json FILE] [NAME...]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench import mails
from bench.old_rows import cost_of_old_rows
from bench.peers.contest import Arena
from bench.peers.corpus import PASSWORD, Corpus, fill, remove, write_corpus
from bench.peers.taking import OURS
from bench.report import Figure, median, told
from bench.tree import Cost
from postroom.app.logs import configure
from postroom.config.masked import Secret
from postroom.config.settings import Log
from postroom.core.limits import DEFAULT_LIMITS
from postroom.fetcher.imap import ImapSource
from tests.servers.fixtures import mailbox_of
from tests.servers.memory import MemoryInRam

_POLLS: Final = 200
_MOST: Final = 10**9


def fetching(asked: argparse.Namespace) -> Iterator[Figure]:
    """Yield what a mail costs from its mailbox to its row, for each size of mailbox, start-up taken off."""
    with Arena.opened() as arena:
        corpus = _corpus(arena, max(asked.mails))
        costs: dict[int, list[Cost]] = {count: [] for count in (0, *asked.mails)}
        for number in range(asked.rounds):
            for count, found in costs.items():
                found.append(arena.run(OURS, corpus.first(count), f"grown{count}-{number}"))
    start = costs.pop(0)
    wall, cpu = (
        median([getattr(cost, field) for cost in start]) for field in ("wall_seconds", "cpu_seconds")
    )
    yield Figure(
        "an empty mailbox, wall", wall, "s", "`fetch --once` with a fresh state_dir; schema included"
    )
    yield Figure("an empty mailbox, CPU", cpu, "s")
    walls = {}
    for count, found in costs.items():
        walls[count] = (median([cost.wall_seconds for cost in found]) - wall) / count * 1_000
        spent = (median([cost.cpu_seconds for cost in found]) - cpu) / count * 1_000
        yield Figure(f"a mail out of {count:,}, wall", walls[count], "ms", "of 4 KB, durable")
        yield Figure(f"a mail out of {count:,}, CPU", spent, "ms")
        yield Figure(f"memory with {count:,}", max(cost.rss_mb for cost in found), "MB", "whole process tree")
    if len(walls) > 1:
        yield Figure("most against fewest", walls[max(walls)] / walls[min(walls)], "x", "a mail", at_most=1.5)


def polling(asked: argparse.Namespace) -> Iterator[Figure]:
    """Yield how long a poll takes on a kept connection where nothing came, with many mails known."""
    with Arena.opened() as arena:
        corpus = _corpus(arena, max(asked.mails))
        for count in sorted({min(asked.mails), max(asked.mails)}):
            bare, resting = _polls(arena, corpus.first(count))
            name = f"a poll, {count:,} known mails"
            yield Figure(name, median(bare) * 1e3, "ms", "kept connection, nothing new", at_most=1.0)
            yield Figure(f"{name}, IDLE", median(resting) * 1e3, "ms", "and IDLE is left and begun again")


def _polls(arena: Arena, corpus: Corpus) -> tuple[list[float], list[float]]:
    """Return the seconds of each poll on a connection that only waits, and on one that rests in IDLE."""
    user = f"polled{len(corpus.entries)}"
    fill(arena.dovecot, user, corpus)
    settings = mailbox_of(user, arena.dovecot.tls_port, arena.dovecot.ca)
    settings = replace(settings, password=Secret(PASSWORD))
    memory = MemoryInRam()
    bare: list[float] = []
    resting: list[float] = []
    with tempfile.TemporaryDirectory() as spool:
        source = ImapSource(settings, Path(spool), DEFAULT_LIMITS)
        for batch in source.batches(memory, limit=_MOST):
            memory.commit(batch)
        for number in range(2 * _POLLS):
            begun = time.perf_counter()
            assert list(source.batches(memory, limit=_MOST)) == []
            if number >= _POLLS:
                source.rest()
            (bare if number < _POLLS else resting).append(time.perf_counter() - begun)
        source.close()
    remove(arena.dovecot, user)
    return bare, resting


def old_rows(asked: argparse.Namespace) -> Iterator[Figure]:
    return cost_of_old_rows(asked.rows)


def _corpus(arena: Arena, count: int) -> Corpus:
    return write_corpus("small", mails.small(count), arena.folder / "corpus")


_PARTS: Final[dict[str, Callable[[argparse.Namespace], Iterator[Figure]]]] = {
    "fetch": fetching,
    "poll": polling,
    "rows": old_rows,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(_PARTS)} (default: all)")
    parser.add_argument("--mails", type=int, nargs="+", default=[1_000, 10_000, 50_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path, help="write the figures there too")
    asked = parser.parse_args()
    configure(Log(level="error", format="json"), stream=sys.stderr, environ={})
    told((figure for name in asked.names or _PARTS for figure in _PARTS[name](asked)), asked.json)


if __name__ == "__main__":
    main()
