"""What Dovecot's log says of who polled which mailbox when."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

_STAMP = r"^(\w{3} +\d+ \d\d:\d\d:\d\d) "
_LOGIN = re.compile(_STAMP + r"imap-login: Info: Login: user=<(\w+)>, .*lport=(\d+), .*session=<([^>]+)>")
_END = re.compile(_STAMP + r"imap\(\w+\)<\d+><([^>]+)>: Info: (?:Disconnected|Connection closed|Logged out)")


@dataclass(slots=True)
class Session:
    """One login of one host to one mailbox; times in seconds since 1970, as exact as the log is: a second."""

    box: str
    door: int
    begun: float
    ended: float | None = None


def sessions(log: str, year: int) -> list[Session]:
    """Return the sessions in the order of their logins."""
    found: dict[str, Session] = {}
    for line in log.splitlines():
        if login := _LOGIN.match(line):
            found[login[4]] = Session(login[2], int(login[3]), _seconds(login[1], year))
        elif (end := _END.match(line)) and end[2] in found:
            found[end[2]].ended = _seconds(end[1], year)
    return list(found.values())


def polled_by_two(
    seen: Iterable[Session], faults: Mapping[int, Sequence[tuple[float, float]]], *, grace_seconds: float
) -> tuple[list[tuple[Session, Session]], int]:
    """Return the pairs of sessions of one mailbox by two hosts at once, and how many of them are excused.

    A session is excused while its host, by its door, was at fault, and `grace_seconds` longer: a host that
    was frozen or cut off still has its connection, and learns at its next commit whose the mailbox is now.
    The log has whole seconds: sessions that meet in one second did not overlap.
    """
    pairs, excused = list[tuple[Session, Session]](), 0
    for each in _by_box(seen).values():
        for first, second in pairwise(each):
            first_end = first.ended if first.ended is not None else float("inf")
            if first.door == second.door or first_end <= second.begun:
                continue
            windows = faults.get(first.door, ())
            if any(
                begun - 1 <= second.begun and first_end <= ended + grace_seconds for begun, ended in windows
            ):
                excused += 1
            else:
                pairs.append((first, second))
    return pairs, excused


def largest_gap(seen: Iterable[Session]) -> tuple[float, str]:
    """Return the longest time in which nobody polled a mailbox, between two polls of it, and which that was.

    Who was still logged in when the next one came is taken for frozen since it logged in.
    """
    gaps = [(0.0, "")]
    for box, each in _by_box(seen).items():
        for first, second in pairwise(each):
            ended = first.ended if first.ended is not None and first.ended <= second.begun else first.begun
            gaps.append((second.begun - ended, box))
    return max(gaps)


def _by_box(seen: Iterable[Session]) -> dict[str, list[Session]]:
    boxes: dict[str, list[Session]] = defaultdict(list)
    for session in seen:
        boxes[session.box].append(session)
    return boxes


def _seconds(stamp: str, year: int) -> float:
    return datetime.strptime(f"{year} {stamp}", "%Y %b %d %H:%M:%S").astimezone().timestamp()
