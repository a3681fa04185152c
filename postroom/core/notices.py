"""What is said to who wants to hear only when a person is needed: each thing once, and when it is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

LASTING: Final = timedelta(hours=1)
"""How long trouble that mostly mends itself is waited out."""


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that is wrong now; `name` is its own, whatever goes wrong with it.

    `code` and `message` are those of its error.  A `rank` that has grown says that more of it came.  Where
    `mends_itself`, no person is needed unless it lasts.
    """

    name: str
    code: str
    message: str
    fix: str = ""
    rank: int = 0
    mends_itself: bool = False


@dataclass(frozen=True, slots=True)
class Notice:
    """What is remembered of a need between two rounds; `said_at` is None while nobody was told."""

    name: str
    code: str
    message: str
    rank: int
    since: datetime
    said_at: datetime | None


@dataclass(frozen=True, slots=True)
class Told:
    """What to say now: what is new, and what is over; `kept` is to be remembered."""

    new: tuple[Need, ...]
    over: tuple[Notice, ...]
    kept: tuple[Notice, ...]


def tell(needs: Sequence[Need], known: Mapping[str, Notice], now: datetime) -> Told:
    """Return what to say of `needs` to somebody who was told what is `known`.

    Said again is what has another code now, or more of it; trouble that mends itself is no news to whoever
    was told already that something is wrong there.
    """
    new, kept = [], []
    for need in needs:
        before = known.get(need.name)
        notice = before or Notice(need.name, need.code, need.message, need.rank, now, None)
        if _is_news(need, notice, now):
            new.append(need)
            notice = replace(notice, code=need.code, message=need.message, said_at=now)
        kept.append(replace(notice, rank=need.rank))
    still = {need.name for need in needs}
    over = [notice for notice in known.values() if notice.name not in still and notice.said_at]
    return Told(tuple(new), tuple(over), tuple(kept))


def _is_news(need: Need, notice: Notice, now: datetime) -> bool:
    if need.mends_itself:
        return notice.said_at is None and now - notice.since >= LASTING
    return notice.said_at is None or need.code != notice.code or need.rank > notice.rank
