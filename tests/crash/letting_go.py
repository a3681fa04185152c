"""What strace saw of the sources: by which call each mail left, or was changed there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from tests.crash.committed import wire_of
from tests.crash.tracing import Call

_IN_MAILDIR = re.compile(r'/new/(?P<file>[^"/]+)"')
_LOGIN = re.compile(r'"\w+ LOGIN (?P<user>\w+) ')
_ORDERED = re.compile(r'"\w+ UID (?:MOVE|STORE|EXPUNGE) (?P<uids>[\d:,]+)')


def lets_go(seen: Sequence[Call]) -> dict[str, Call]:
    """Return the first call by which each mail was let go of, by `place_of` it."""
    found: dict[str, Call] = {}
    users: dict[str, str] = {}
    for call in seen:
        if call.name in {"unlink", "unlinkat", "link", "linkat"} and (named := _IN_MAILDIR.search(call.told)):
            found.setdefault(place_of("", 0, named["file"]), call)
        elif call.name == "sendto" and (login := _LOGIN.search(call.told)):
            users[wire_of(call)] = login["user"]
        elif call.name == "sendto" and (ordered := _ORDERED.search(call.told)):
            for uid in _uids(ordered["uids"]):
                found.setdefault(place_of(users.get(wire_of(call), ""), uid, ""), call)
    return found


def place_of(source: str, uid: int, file: str) -> str:
    """Return how a mail is called here: its file in a Maildir, or the user of its mailbox and its UID."""
    return file or f"{source} {uid}"


def _uids(among: str) -> Iterator[int]:
    for piece in among.split(","):
        low, _, high = piece.partition(":")
        yield from range(int(low), int(high or low) + 1)
