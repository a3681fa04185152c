"""The life of a message: four states, and the only ways between them.

RECEIVED ──► STORED ──► PARSED
    │           │          ┊
    └──► FAILED ◄┘         ┊  ┈┈► a replay, which a person asks for: FAILED | PARSED ──► STORED
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

SUSPECT: Final = 2
"""How many deaths make a message suspect: one is everyday, a host that was switched off."""


class Status(StrEnum):
    RECEIVED = "received"  # a row exists; the raw message is not archived yet
    STORED = "stored"  # the raw message is durable; the source may forget it
    PARSED = "parsed"  # every part is decided and every document written; terminal
    FAILED = "failed"  # see error_json; the raw message is kept; terminal


_LEGAL = frozenset(
    {
        (Status.RECEIVED, Status.STORED),
        (Status.STORED, Status.PARSED),
        (Status.RECEIVED, Status.FAILED),
        (Status.STORED, Status.FAILED),
    }
)
_REPLAY = frozenset({(Status.FAILED, Status.STORED), (Status.PARSED, Status.STORED)})


class IllegalTransition(Exception):
    """Some code of ours asked for a step that does not exist: a bug, never bad input."""


def check(old: Status, new: Status, *, replay: bool = False) -> None:
    """Return if a message may go from `old` to `new`; a replay is allowed only where it is asked for.

    Raises IllegalTransition.
    """
    if (old, new) not in (_REPLAY if replay else _LEGAL):
        raise IllegalTransition(f"{old} -> {new}" + (" as a replay" if replay else ""))
