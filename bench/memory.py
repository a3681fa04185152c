"""The most memory that a fetch needs, all processes together: mixed mails, one of 100 MB, many small ones.

python -m bench.memory [--mails 2000] [--burst 50000] [--megabytes 100] [--rounds 3] [--json FILE]
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from bench import mails
from bench.peers.contest import Arena
from bench.peers.corpus import Corpus, write_corpus
from bench.peers.taking import OURS, postroom
from bench.report import Figure, told

_MOST_MB: Final = 150.0
_LIMITS: Final = '[limits]\nmessage = "1GiB"\nattachment = "1GiB"\n'
_ROOMY: Final = replace(OURS, prepare=partial(postroom, more=_LIMITS))


def peaks(asked: argparse.Namespace) -> Iterator[Figure]:
    """Yield the peak of each kind of mailbox, over some rounds; each run is judged as beside the peers."""
    with Arena.opened() as arena:
        for name, corpus in _corpora(arena, asked):
            costs = [arena.run(_ROOMY, corpus, f"{corpus.name}{number}") for number in range(asked.rounds)]
            rss, pss = max(cost.rss_mb for cost in costs), max(cost.pss_mb for cost in costs)
            note = f"the most of {asked.rounds} rounds; {corpus.size_bytes / 1e6:,.0f} MB of mail"
            yield Figure(f"peak, {name}", rss, "MB", note, at_most=_MOST_MB)
            yield Figure(f"peak, {name}, PSS", pss, "MB", "pages that processes share counted once")


def _corpora(arena: Arena, asked: argparse.Namespace) -> Iterator[tuple[str, Corpus]]:
    mixed, large, burst = asked.mails, asked.megabytes, asked.burst
    yield f"{mixed:,} mixed mails", write_corpus("mixed", mails.mixed(mixed), arena.folder / "mixed")
    yield f"one mail of {large} MB", write_corpus("single", [mails.single(large)], arena.folder / "single")
    yield f"{burst:,} small mails", write_corpus("burst", mails.small(burst), arena.folder / "burst")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.memory", description=__doc__)
    parser.add_argument("--mails", type=int, default=2_000)
    parser.add_argument("--burst", type=int, default=50_000)
    parser.add_argument("--megabytes", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the figures there too")
    asked = parser.parse_args()
    told(peaks(asked), asked.json)


if __name__ == "__main__":
    main()
