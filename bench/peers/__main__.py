"""postroom beside its peers: `make bench-peers`.

Every peer fetches the same mails from the same Dovecot, without TLS on 127.0.0.1, in turn in each round, and
writes to the disk that the temp folder is on (TMPDIR chooses).  A run in which a mail or an attachment is not
there afterwards as it was sent does not count.  Only ratios of one run mean anything.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from bench import mails
from bench.peers.cluster import cluster_peers
from bench.peers.contest import Arena, Contest, compete
from bench.peers.copying import COPYING
from bench.peers.corpus import Corpus, write_corpus
from bench.peers.peer import Peer
from bench.peers.taking import OURS, TAKING
from bench.peers.targets import Facts, Spread, figures, mails_per_second, ratios, verdict
from bench.report import command, machine

_CORPORA: Final[dict[str, tuple[Callable[[int, int], Iterator[mails.Mail]], int]]] = {
    "mixed": (mails.mixed, 2_000),
    "small": (mails.small, 10_000),
}


def main() -> None:
    asked = _asked()
    with ExitStack() as open_ones:
        if asked.storage == "cluster":
            peers: Sequence[Peer] = open_ones.enter_context(cluster_peers())
        else:
            peers = (OURS, *TAKING, *COPYING)
        arena = open_ones.enter_context(Arena.opened())
        contests: list[Contest] = []
        for name in asked.corpus:
            make, most = _CORPORA[name]
            count = asked.mails or most
            corpus = write_corpus(name, make(count, asked.seed), arena.folder / f"corpus-{name}")
            contests.append(_contest(corpus, asked))
            compete(
                arena.run,
                _chosen(peers, asked.only),
                corpus,
                contests[-1],
                lambda: _keep(contests, asked.json),
            )
            show(contests[-1].facts())
    if any(record.faults for contest in contests for record in contest.records.values()):
        sys.exit("Some runs do not count; see above.")


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("--corpus", nargs="+", choices=_CORPORA, default=list(_CORPORA))
    parser.add_argument("--mails", type=int, help="how many; by default 2,000 of mixed, 10,000 of small")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--only", nargs="+", metavar="PEER", help="only those, by the beginning of their names"
    )
    parser.add_argument(
        "--storage", choices=("embedded", "cluster"), default="embedded", help="cluster: PostgreSQL and S3"
    )
    parser.add_argument("--json", type=Path, help="write the figures there too, after each round")
    return parser.parse_args()


def _chosen(peers: Sequence[Peer], only: Sequence[str] | None) -> Sequence[Peer]:
    return [peer for peer in peers if not only or peer.name.startswith(tuple(only))]


def _contest(corpus: Corpus, asked: argparse.Namespace) -> Contest:
    print(
        f"\n{corpus.name}: {len(corpus.entries)} mails, {corpus.size_bytes / 1e6:.0f} MB,"
        f" {len(corpus.attachments)} attachments, seed {asked.seed}; {asked.storage}",
        flush=True,
    )
    return Contest(
        corpus.name,
        asked.storage,
        len(corpus.entries),
        corpus.size_bytes,
        len(corpus.attachments),
        asked.seed,
        asked.rounds,
    )


def _keep(contests: Sequence[Contest], path: Path | None) -> None:
    if path:
        facts: dict[str, Any] = {"command": command(), "machine": machine()}
        facts["contests"] = [contest.facts() for contest in contests]
        path.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def show(contest: Facts) -> None:
    """Print the medians with their spread, and the ratios that are aimed at."""
    title = f"median of {contest['rounds']} rounds"
    print(f"\n{title:30} {'mails/s':>24} {'CPU s':>8} {'server':>8} {'RSS MB':>7}")
    for name in contest["peers"]:
        rate = mails_per_second(contest, name)
        costs = [figures(contest, name, field) for field in ("cpu_seconds", "server_cpu_seconds", "rss_mb")]
        cpu, server, rss = (cost.median if cost else float("nan") for cost in costs)
        print(f"{name:30} {_words(rate):>24} {cpu:8.2f} {server:8.2f} {rss:7.0f}")
    for measure, peer, found, aim in ratios(contest):
        bound = (
            f"aim {'>=' if aim.at_least else '<='} {aim.bound:g}: {verdict(aim, found)}" if aim else "no aim"
        )
        words = f"{measure} x {peer}" if peer else f"{measure} in MB"
        print(f"  {words:38} {_words(found, 2):>24}  {bound}")


def _words(found: Spread | None, digits: int = 1) -> str:
    if found is None:
        return "-"
    return f"{found.median:.{digits}f} ({found.least:.{digits}f}-{found.most:.{digits}f})"


if __name__ == "__main__":
    main()
