"""What postroom aims at beside its peers, as ratios of the same round; medians, and how far they spread."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bench.peers.copying import FETCHMAIL, GETMAIL, MBSYNC
from bench.peers.taking import DJANGO_MAILBOX, FROM_MAILDIR, NAIVE, POSTROOM, RAW_FSYNC

SPEED, WALL, CPU, MEMORY = "speed", "wall time", "CPU", "memory"
_FIELDS: Final = {SPEED: "wall_seconds", WALL: "wall_seconds", CPU: "cpu_seconds", MEMORY: "rss_mb"}
Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """What is aimed at: postroom's `measure` divided by the peer's is at least or at most `bound`.

    Without a peer, it is postroom's own figure: memory in MB.
    """

    corpus: str
    storage: str
    measure: str
    peer: str
    bound: float

    @property
    def at_least(self) -> bool:
        return self.measure == SPEED


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some rounds, the least and the most."""

    median: float
    least: float
    most: float


TARGETS: Final = (
    Target("mixed", "embedded", SPEED, MBSYNC, 1.0),
    Target("mixed", "embedded", SPEED, GETMAIL, 12.0),
    Target("mixed", "embedded", SPEED, DJANGO_MAILBOX, 13.0),
    Target("mixed", "embedded", SPEED, FETCHMAIL, 10.0),
    Target("mixed", "embedded", WALL, RAW_FSYNC, 2.0),
    Target("mixed", "embedded", CPU, MBSYNC, 1.5),
    Target("mixed", "embedded", CPU, GETMAIL, 0.1),
    Target("mixed", "embedded", MEMORY, "", 150.0),
    Target("small", "embedded", SPEED, MBSYNC, 1.5),
)
# Ratios that are told without being aimed at.
_TOLD: Final = ((SPEED, NAIVE), (SPEED, FROM_MAILDIR))


def spread(values: Sequence[float]) -> Spread:
    return Spread(statistics.median(values), min(values), max(values))


def figures(contest: Facts, peer: str, field: str) -> Spread | None:
    """Return what a peer's counted runs cost; None where none counts."""
    runs = contest["peers"].get(peer, {}).get("runs", [])
    return spread([run[field] for run in runs]) if runs else None


def mails_per_second(contest: Facts, peer: str) -> Spread | None:
    wall = figures(contest, peer, "wall_seconds")
    mails = contest["mails"]
    return wall and Spread(mails / wall.median, mails / wall.most, mails / wall.least)


def ratio(contest: Facts, measure: str, peer: str) -> Spread | None:
    """Return postroom's measure over the peer's, round by round; None where one of them has no run.

    Of a speed, more is better: mails a second.  Without a peer, it is postroom's own figure.
    """
    if not peer:
        return figures(contest, POSTROOM, _FIELDS[measure])
    ours, theirs = (_by_round(contest, name, _FIELDS[measure]) for name in (POSTROOM, peer))
    both = [(ours[number], theirs[number]) for number in ours if number in theirs]
    shares = [their / our if measure == SPEED else our / their for our, their in both if our and their]
    return spread(shares) if shares else None


def _by_round(contest: Facts, peer: str, field: str) -> dict[int, float]:
    return {run["round"]: run[field] for run in contest["peers"].get(peer, {}).get("runs", [])}


def verdict(target: Target, found: Spread | None) -> str:
    if found is None:
        return "not measured"
    met = found.median >= target.bound if target.at_least else found.median <= target.bound
    return "met" if met else "MISSED"


def ratios(contest: Facts) -> Iterator[tuple[str, str, Spread | None, Target | None]]:
    """Yield each ratio of a contest: measure, peer, what it is, and what it should be."""
    aims = [aim for aim in TARGETS if (aim.corpus, aim.storage) == (contest["corpus"], contest["storage"])]
    for aim in aims:
        yield aim.measure, aim.peer, ratio(contest, aim.measure, aim.peer), aim
    for measure, peer in _TOLD:
        if found := ratio(contest, measure, peer):
            yield measure, peer, found, None
