"""What one batch will change: who is new, who was here before, what must be archived first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from postroom.core import identity
from postroom.core.keys import quarantine_key, raw_key
from postroom.db.values import Existing, Held, Key, NewMessage, Seen, Verdict
from postroom.fetcher.source import Batch, Fetched, KnownCopy, UnreadableCopy
from postroom.pipeline.decide import Decision


@dataclass(slots=True)
class Plan:
    """A batch's changes; `archive` is object key → the file whose bytes must be durable before the commit."""

    messages: dict[Key, NewMessage] = field(default_factory=dict)
    resumed: dict[Key, NewMessage] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    archive: dict[str, Fetched] = field(default_factory=dict)


def wanted_keys(decisions: Sequence[Decision]) -> set[Key]:
    """Return every key that the decisions may end up with."""
    return {key for decision in decisions for key, _conflict in _candidates(decision)}


def make_plan(
    decisions: Sequence[Decision], batch: Batch, existing: Mapping[Key, Existing], *, leave: bool
) -> Plan:
    """Return what `batch` changes, given the rows that are there; `leave` leaves mail for unknown orgs."""
    plan = Plan()
    shared = {decision.letter.fetched.place for decision in decisions if decision.org}
    for decision in decisions:
        if decision.refusal is None:
            _take(plan, decision, existing)
        elif leave and decision.refusal.code == "unknown-org" and decision.letter.fetched.place not in shared:
            plan.seen.append(_seen(decision, Verdict.LEFT))
        else:
            _hold(plan, decision)
    plan.seen.extend(_known(copy) for copy in batch.known)
    plan.seen.extend(_unreadable(copy) for copy in batch.unreadable)
    return plan


def _take(plan: Plan, decision: Decision, existing: Mapping[Key, Existing]) -> None:
    content = decision.letter.content_sha256
    for key, conflict in _candidates(decision):
        before = plan.messages.get(key) or plan.resumed.get(key) or existing.get(key)
        if before is None:
            _add(plan, decision, key, conflict=conflict)
            return
        if before.content_sha256 == content:
            if isinstance(before, Existing) and not before.archived:
                _resume(plan, decision, key, conflict=conflict)
            else:
                plan.seen.append(_seen(decision, Verdict.DUPLICATE, key))
            return


def _candidates(decision: Decision) -> list[tuple[Key, bool]]:
    """Return the keys to try in turn: its own, its conflict id, and one that no other mail can have."""
    key = decision.key
    if key is None:
        return []
    content = decision.letter.content_sha256
    short = identity.conflict_id(key.source_message_id, content)
    whole = f"{key.source_message_id}#{content}"
    return [
        (key, False),
        (key._replace(source_message_id=short), True),
        (key._replace(source_message_id=whole), True),
    ]


def _add(plan: Plan, decision: Decision, key: Key, *, conflict: bool) -> None:
    plan.messages[key] = _message(decision, key, conflict=conflict)
    _archive(plan, plan.messages[key], decision)
    plan.seen.append(_seen(decision, Verdict.CONFLICT if conflict else Verdict.ACCEPTED, key))


def _resume(plan: Plan, decision: Decision, key: Key, *, conflict: bool) -> None:
    """Give a row that an outage or a crash left in RECEIVED its bytes."""
    plan.resumed[key] = _message(decision, key, conflict=conflict)
    _archive(plan, plan.resumed[key], decision)
    plan.seen.append(_seen(decision, Verdict.CONFLICT if conflict else Verdict.ACCEPTED, key))


def _archive(plan: Plan, message: NewMessage, decision: Decision) -> None:
    plan.archive[raw_key(message.key.org_id, message.raw_sha256)] = decision.letter.fetched


def _message(decision: Decision, key: Key, *, conflict: bool) -> NewMessage:
    letter = decision.letter
    return NewMessage(
        key=key,
        raw_sha256=letter.fetched.sha256,
        content_sha256=letter.content_sha256,
        size_bytes=letter.fetched.size_bytes,
        received_at=letter.fetched.internal_date,
        recipient=decision.target.recipient,
        raw_key=raw_key(key.org_id, letter.fetched.sha256),
        from_address=letter.from_address,
        to_address=letter.to_address,
        subject=letter.subject,
        sent_at=letter.sent_at,
        conflict=conflict,
    )


def _hold(plan: Plan, decision: Decision) -> None:
    letter, refusal = decision.letter, decision.refusal
    assert refusal is not None  # noqa: S101  (the caller has just looked)
    fetched = letter.fetched
    key = quarantine_key(fetched.sha256) if fetched.whole else None
    if key:
        plan.archive[key] = fetched
    held = Held(
        source_name=fetched.place.source,
        raw_sha256=fetched.sha256,
        raw_key=key,
        code=refusal.code,
        reason=refusal.reason,
        recipient=decision.target.recipient,
        from_address=letter.from_address,
        subject=letter.subject,
        size_bytes=fetched.message_bytes,
        received_at=fetched.internal_date,
    )
    # What was not archived is never let go: its source keeps it, and nothing more is asked of that source.
    plan.seen.append(replace(_seen(decision, Verdict.QUARANTINED), held=held, settled=not fetched.whole))


def _seen(decision: Decision, verdict: Verdict, key: Key | None = None) -> Seen:
    fetched = decision.letter.fetched
    return Seen(
        place=fetched.place,
        verdict=verdict,
        internal_date=fetched.internal_date,
        size_bytes=fetched.message_bytes,
        raw_sha256=fetched.sha256,
        message_id_sha256=fetched.fingerprint.message_id_sha256 if fetched.fingerprint else "",
        decided_by=decision.target.header,
        key=key,
    )


def _known(copy: KnownCopy) -> Seen:
    return Seen(
        place=copy.place,
        verdict=Verdict.KNOWN,
        internal_date=copy.fingerprint.internal_date,
        size_bytes=copy.fingerprint.size_bytes,
        message_id_sha256=copy.fingerprint.message_id_sha256,
        decided_by="(fingerprint)",
    )


def _unreadable(copy: UnreadableCopy) -> Seen:
    return Seen(
        place=copy.place,
        verdict=Verdict.UNREADABLE,
        internal_date=copy.internal_date,
        size_bytes=copy.size_bytes,
        why=copy.reason,
    )
