"""One contest: the same mailbox fetched by each peer in turn, round after round, each run judged."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from bench.peers.corpus import PASSWORD, Corpus, fill, remove
from bench.peers.judging import NotCounted
from bench.peers.peer import Account, Peer
from bench.tree import CommandFailed, Cost, cost_of
from tests.servers.dovecot import Dovecot
from tests.servers.fixtures import running_dovecot

# Folders are changed by nobody but Dovecot, as on a mail server that delivers by its LMTP.
_DOVECOT: Final = "maildir_very_dirty_syncs = yes\n"


@dataclass(slots=True)
class Record:
    """What came of one peer: the runs that count, by round, and why others do not."""

    does: str
    runs: dict[int, Cost] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Contest:
    """What came of all of them on one corpus, where rows and objects lay in `storage`."""

    corpus: str
    storage: str
    mails: int
    size_bytes: int
    attachments: int
    seed: int
    rounds: int
    records: dict[str, Record] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)

    def facts(self) -> dict[str, Any]:
        """Return it for JSON."""
        peers = {
            name: {
                "does": record.does,
                "runs": [_run_facts(number, cost) for number, cost in record.runs.items()],
                "faults": record.faults,
            }
            for name, record in self.records.items()
        }
        kept = ("corpus", "storage", "mails", "size_bytes", "attachments", "seed", "rounds", "skipped")
        return {name: getattr(self, name) for name in kept} | {"peers": peers}


def _run_facts(number: int, cost: Cost) -> dict[str, float]:
    return {"round": number} | {name: round(figure, 3) for name, figure in asdict(cost).items()}


@dataclass(frozen=True, slots=True)
class Arena:
    """Where runs take place: a Dovecot, and a folder on the disk that counts, open to every user."""

    dovecot: Dovecot
    folder: Path

    @classmethod
    @contextmanager
    def opened(cls) -> Iterator[Arena]:
        """Yield one with a Dovecot of its own, in a temp folder."""
        with (
            tempfile.TemporaryDirectory(prefix="bench-peers-") as folder,
            running_dovecot(more=_DOVECOT) as dovecot,
        ):
            Path(folder).chmod(0o755)
            yield cls(dovecot, Path(folder))

    def run(self, peer: Peer, corpus: Corpus, user: str) -> Cost:
        """Let a peer fetch a mailbox of its own, with the corpus in it, into an empty folder.

        Raises CommandFailed, NotCounted.
        """
        folder = self.folder / user
        folder.mkdir()
        fill(self.dovecot, user, corpus)
        try:
            account = Account(self.dovecot.port, user, PASSWORD)
            command = peer.prepare(account, folder, corpus)
            os.sync()  # what was written before is no part of the measure
            cost = cost_of(command, server=self.dovecot.pid)
            peer.judge(corpus, folder)
            return cost
        finally:
            if peer.clean:
                peer.clean(folder)
            remove(self.dovecot, user)
            shutil.rmtree(folder)


Run = Callable[[Peer, Corpus, str], Cost]
"""Arena.run, or what stands for it."""


def compete(
    run: Run, peers: Sequence[Peer], corpus: Corpus, contest: Contest, after_round: Callable[[], None]
) -> None:
    """Let all peers that are there run in each round; another one begins it each time."""
    for peer in peers:
        if lacks := peer.lacks():
            contest.skipped[peer.name] = lacks
            print(f"  SKIPPED {peer.name}: {lacks}", flush=True)
    ready = [peer for peer in peers if peer.name not in contest.skipped]
    contest.records |= {peer.name: Record(peer.does) for peer in ready}
    for number in range(contest.rounds):
        first = number % len(ready)
        for peer in (*ready[first:], *ready[:first]):
            _one(run, peer, corpus, contest, number)
        after_round()


def _one(run: Run, peer: Peer, corpus: Corpus, contest: Contest, number: int) -> None:
    user = f"{corpus.name}{number}-{[*contest.records].index(peer.name)}"
    record = contest.records[peer.name]
    try:
        cost = run(peer, corpus, user)
    except (CommandFailed, NotCounted) as fault:
        record.faults.append(f"round {number + 1}: {fault}")
        print(f"  NOT COUNTED {peer.name}: {fault}", file=sys.stderr, flush=True)
        return
    record.runs[number + 1] = cost
    rate, wall = contest.mails / cost.wall_seconds, cost.wall_seconds
    print(
        f"  {number + 1}  {peer.name:26} {rate:8.1f} mails/s  {wall:7.2f} s  CPU {cost.cpu_seconds:7.2f} s"
        f"  server {cost.server_cpu_seconds:6.2f} s  RSS {cost.rss_mb:5.0f} MB",
        flush=True,
    )
