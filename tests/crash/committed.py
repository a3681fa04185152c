"""What strace saw of the database: which transaction told it of an object, and when that would last."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tests.crash.durable import SYNCS, first_after
from tests.crash.tracing import Call

KEY = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}/(?P<kind>raw|doc)/[0-9a-f]{2}/(?P<sha256>[0-9a-f]{64})")
# The columns of a message lie side by side in a page: raw_key, two digests, a flag without bytes, the status.
_PARSED = re.compile(rf"(?P<key>{KEY.pattern})[0-9a-f]{{128}}parsed")
_LOG = re.compile(r"\d+<[^>]*-wal>")
_WIRE = re.compile(r"\d+<socket:\[\d+\]>")
_COMMIT = r"\vCOMMIT\0"


@dataclass(frozen=True, slots=True)
class Commit:
    """A transaction that names an object: the call that first told the database, and what made it last.

    Nothing of it counts before all is told, so an object that is durable before `told` begins is durable
    before the commit is.  `lasting` is the sync of SQLite's log, or PostgreSQL's answer to COMMIT; None where
    neither came.
    """

    told: Call
    lasting: Call | None


def commits(seen: Sequence[Call]) -> dict[str, Commit]:
    """Return the first commit that names each object, by key."""
    found: dict[str, Call] = {}
    for call in _tellings(seen):
        for named in KEY.finditer(call.told):
            found.setdefault(named[0], call)
    return {key: Commit(told, _lasting(seen, told)) for key, told in found.items()}


def parsed(seen: Sequence[Call]) -> dict[str, Commit]:
    """Return the commit that made each message PARSED, by the key of its raw mail; on SQLite alone.

    What goes to PostgreSQL says the status and the message, and no key.
    """
    found: dict[str, Call] = {}
    for call in _tellings(seen):
        for named in _PARSED.finditer(call.told):
            found.setdefault(named["key"], call)
    return {key: Commit(told, _lasting(seen, told)) for key, told in found.items()}


def is_on_sqlite(seen: Sequence[Call]) -> bool:
    """Return whether the rows are in a file."""
    return any(_LOG.match(call.told) for call in seen)


def wire_of(call: Call) -> str:
    """Return which connection a call is about, "" for none."""
    wire = _WIRE.match(call.told)
    return wire[0] if wire else ""


def _tellings(seen: Sequence[Call]) -> list[Call]:
    """Return the calls that tell the database something."""
    wires = {wire_of(call) for call in seen if _is_order_to_commit(call)}
    return [
        call
        for call in seen
        if (call.name == "pwrite64" and _LOG.match(call.told))
        or (call.name == "sendto" and wire_of(call) in wires)
    ]


def _is_order_to_commit(call: Call) -> bool:
    return call.name == "sendto" and _COMMIT in call.told


def _lasting(seen: Sequence[Call], told: Call) -> Call | None:
    """Return what made that last.

    A thread that writes to SQLite's log does so for one transaction at a time, and syncs it only when it has
    written all: where other threads sync it meanwhile, that is no word about this one.
    """
    wire = wire_of(told)
    if not wire:
        return first_after(seen, told, lambda call: call.thread == told.thread and _syncs_log(call))
    order = first_after(seen, told, lambda call: wire_of(call) == wire and _is_order_to_commit(call))
    return first_after(
        seen,
        order,
        lambda call: call.name == "recvfrom" and wire_of(call) == wire and _COMMIT in call.told,
    )


def _syncs_log(call: Call) -> bool:
    return call.name in SYNCS and _LOG.match(call.told) is not None
