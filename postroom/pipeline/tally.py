"""Counting and saying what was decided: one event per decision, ids as fields, never what a mail says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Final
from uuid import UUID

import structlog

from postroom.db.values import Key, Org, Seen, Verdict
from postroom.pipeline.plan import Plan

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.accept")


@dataclass(frozen=True, slots=True)
class Tally:
    """What one batch, or a whole round, came to; `taken` counts new messages, conflicts among them.

    `died` counts the times that a worker process died over a message, which was due again then.
    """

    taken: int = 0
    duplicates: int = 0
    conflicts: int = 0
    quarantined: int = 0
    left: int = 0
    known: int = 0
    unreadable: int = 0
    bytes: int = 0
    documents: int = 0
    failed: int = 0
    died: int = 0
    refused: str = ""

    def __add__(self, other: Tally) -> Tally:
        numbers = {name: getattr(self, name) + getattr(other, name) for name in _NUMBERS}
        return Tally(**numbers, refused=self.refused or other.refused)


_NUMBERS: Final = tuple(field.name for field in fields(Tally) if field.name != "refused")


def log_verdicts(plan: Plan, ids: Mapping[Key, UUID], orgs: Mapping[str, Org], *, ms: float) -> Tally:
    """Log every verdict of a committed plan and return their sum; `ms` is what the whole batch took."""
    slug_of = {org.id: org.slug for org in orgs.values()}
    tally = Tally()
    for seen in plan.seen:
        _say(seen, ids, slug_of, ms)
        tally += _count(seen)
    return tally


def _say(seen: Seen, ids: Mapping[Key, UUID], slug_of: Mapping[UUID, str], ms: float) -> None:
    facts: dict[str, object] = {"source": seen.place.source, "bytes": seen.size_bytes, "ms": round(ms, 1)}
    if seen.key:
        facts |= {"org": slug_of.get(seen.key.org_id), "message_id": seen.key.source_message_id}
        facts["row"] = str(ids[seen.key])
    if seen.verdict is Verdict.QUARANTINED and seen.held:
        _log.warning(
            "quarantined", **facts, code=seen.held.code, reason=seen.held.reason, sha256=seen.raw_sha256
        )
    elif seen.verdict in {Verdict.ACCEPTED, Verdict.CONFLICT}:
        _log.info("accepted", **facts, conflict=seen.verdict is Verdict.CONFLICT)
        _log.info("stored", **facts, sha256=seen.raw_sha256)
    elif seen.verdict is Verdict.KNOWN:
        _log.debug("known", **facts)
    elif seen.verdict is Verdict.UNREADABLE:
        where = f"{seen.place.folder} UID {seen.place.uid}"
        _log.warning("unreadable", **facts, place=where, reason=seen.why)
    else:
        _log.info(seen.verdict.value, **facts)


def _count(seen: Seen) -> Tally:
    counted = _COUNTED[seen.verdict]
    return replace(counted, bytes=seen.size_bytes) if counted.taken else counted


_COUNTED: Final = {
    Verdict.ACCEPTED: Tally(taken=1),
    Verdict.CONFLICT: Tally(taken=1, conflicts=1),
    Verdict.DUPLICATE: Tally(duplicates=1),
    Verdict.QUARANTINED: Tally(quarantined=1),
    Verdict.LEFT: Tally(left=1),
    Verdict.KNOWN: Tally(known=1),
    Verdict.UNREADABLE: Tally(unreadable=1),
}
