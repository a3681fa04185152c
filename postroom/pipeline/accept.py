"""Take a batch in: route, dedup, archive, commit, and only then settle."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Protocol
from uuid import UUID

import structlog

from postroom.core.limits import Limits
from postroom.core.places import Place
from postroom.core.routing import Rule
from postroom.db.protocols import Directory, Inbox
from postroom.db.values import STAYING, Fence, Intake, Key, Org, Raced, Seen, Verdict
from postroom.errors import DatabaseUnavailable, RowRefused, SettleFailed, SourceChanged, StoreUnavailable
from postroom.failpoints import reach
from postroom.fetcher.source import Batch
from postroom.pipeline.archiving import put_all
from postroom.pipeline.decide import Decision, decisions, held_bare, slugs
from postroom.pipeline.letter import Letter, read_letter
from postroom.pipeline.plan import Plan, make_plan, wanted_keys
from postroom.pipeline.standing import Rules, no_rules, ruled
from postroom.pipeline.tally import Tally, log_verdicts
from postroom.stages import stage
from postroom.storage.store import ObjectStore

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.accept")
_RACES = 5  # each lost race means that somebody else got something done


class Settle(Protocol):
    """What `settle` of a source is called with; `held` says that these copies went to the quarantine."""

    def __call__(self, places: Sequence[Place], *, held: bool = False) -> Sequence[Place]: ...


@dataclass(frozen=True, slots=True)
class Desk:
    """What accept works with for one source: bound once, in app.py."""

    source_name: str
    rule: Rule
    limits: Limits
    leave_unknown: bool
    directory: Directory
    inbox: Inbox
    store: ObjectStore
    now: Callable[[], datetime]
    rules: Rules = no_rules


def accept(
    batch: Batch,
    *,
    desk: Desk,
    settle: Settle,
    fence: Fence | None = None,
    took_mail: Callable[[], object] = lambda: None,
) -> Tally:
    """Make every message of `batch` safe, and only then let its source forget it; return what was decided.

    `took_mail` is called as soon as new mail is committed, before the source is asked for anything.

    Safe to repeat from any point: objects are content-addressed, known keys become sightings, and what was
    committed but not settled is settled again.  Raises StoreUnavailable, DatabaseUnavailable, LeaseLost, and
    SourceChanged when a spooled mail vanished: the batch then stays where it is.  A refused after-action is
    counted in the tally and does not raise, and a mail whose row the database refuses goes to quarantine.
    """
    how = _How(settle, fence, took_mail)
    try:
        return _accept(batch, desk, how)
    except RowRefused:
        return _one_by_one(batch, desk, how)


@dataclass(frozen=True, slots=True)
class _How:
    settle: Settle
    fence: Fence | None
    took_mail: Callable[[], object]


def _one_by_one(batch: Batch, desk: Desk, how: _How) -> Tally:
    """Take each mail by itself, so that the one whose row is refused is held and all others are taken.

    The cursor moves last: a mail that is not committed is not behind it.
    """
    tally = Tally()
    standing = replace(batch.cursor, last_uid=0) if batch.cursor else None
    for fetched in batch.fetched:
        alone = Batch((fetched,), cursor=standing)
        try:
            tally += _accept(alone, desk, how)
        except RowRefused as error:
            tally += _accept(alone, desk, how, unstorable=str(error))
    return tally + _accept(replace(batch, fetched=()), desk, how)


def _accept(batch: Batch, desk: Desk, how: _How, *, unstorable: str = "") -> Tally:
    started = time.monotonic()
    reach("poll.batch")
    met_at = desk.now()  # before the orgs are read: an org added meanwhile must count as newer than this
    with stage("route"):
        decided, orgs = _decide(batch, desk)
    if unstorable:
        decided = list(map(partial(held_bare, reason=unstorable), decided[:1]))
    reach("accept.decided")
    # The order is the promise: bytes durable, rows and cursor committed, source settled.
    plan, ids = _archive_and_commit(batch, decided, desk, how.fence, met_at)
    reach("accept.committed")
    tally = log_verdicts(plan, ids, orgs, ms=(time.monotonic() - started) * 1000)
    if tally.taken:
        how.took_mail()
    settling = [seen for seen in plan.seen if _may_be_settled(seen)]
    taken = dict.fromkeys(seen.place for seen in settling if seen.verdict is not Verdict.QUARANTINED)
    held = list(dict.fromkeys(seen.place for seen in settling if seen.place not in taken))
    places = list(dict.fromkeys([*batch.owed, *taken]))
    with stage("settle"):
        refused = settle_places(places, held, inbox=desk.inbox, settle=how.settle, now=desk.now)
    return replace(tally, refused=refused)


def _may_be_settled(seen: Seen) -> bool:
    return seen.verdict not in STAYING and not seen.settled


def preview(batch: Batch, *, desk: Desk) -> Plan:
    """Return what `accept` would do with a batch; nothing is written anywhere."""
    decided, _orgs = _decide(batch, desk)
    existing = desk.inbox.find(wanted_keys(decided))
    return make_plan(decided, batch, existing, leave=desk.leave_unknown)


def _decide(batch: Batch, desk: Desk) -> tuple[list[Decision], dict[str, Org]]:
    letters = _read(batch, desk)
    letters, orgs = ruled(letters, desk.directory.resolve(slugs(letters)), desk.rule, desk.rules)
    return [decision for letter in letters for decision in decisions(letter, orgs, desk.limits)], orgs


def _read(batch: Batch, desk: Desk) -> list[Letter]:
    letters = []
    for fetched in batch.fetched:
        try:
            letters.append(read_letter(fetched, desk.rule, desk.limits))
        except SourceChanged as error:
            _pass_over(fetched.place, batch, error)
    return letters


def _pass_over(place: Place, batch: Batch, error: SourceChanged) -> None:
    """Leave out a copy whose file vanished or changed; but never under a cursor, which would move past it."""
    if batch.cursor is not None:
        raise error
    _log.warning("passed over", source=place.source, place=place.file_name, error=str(error))


def _archive_and_commit(
    batch: Batch, decided: Sequence[Decision], desk: Desk, fence: Fence | None, met_at: datetime
) -> tuple[Plan, dict[Key, UUID]]:
    """Archive and commit, as often as others get in between; what is archived once is not archived again."""
    durable: set[str] = set()
    for _ in range(_RACES):
        with stage("archive"):
            existing = desk.inbox.find(wanted_keys(decided))
            plan = make_plan(decided, batch, existing, leave=desk.leave_unknown)
            gone = _archive(plan, batch, desk, durable)
        if gone:
            decided = [decision for decision in decided if decision.letter.fetched.place not in gone]
            continue
        reach("accept.archived")
        try:
            with stage("commit"):
                return plan, desk.inbox.commit(_intake(plan, batch, desk, fence), met_at)
        except Raced:
            continue
    raise DatabaseUnavailable(f"{desk.source_name}: others kept taking the same mails; trying again later")


def _archive(plan: Plan, batch: Batch, desk: Desk, durable: set[str]) -> set[Place]:
    """Make the plan's objects durable; return the places whose files vanished or changed meanwhile."""
    missing = [(key, fetched) for key, fetched in plan.archive.items() if key not in durable]
    gone: set[Place] = set()
    outage: StoreUnavailable | None = None
    for (key, fetched), fault in zip(missing, put_all(missing, desk.store), strict=True):
        if fault is None:
            durable.add(key)
        elif isinstance(fault, SourceChanged):
            _pass_over(fetched.place, batch, fault)
            gone.add(fetched.place)
        else:
            outage = fault
    if outage is not None:
        # The rows show what waits; the source keeps the mails until the archive is back.
        desk.inbox.note_received([*plan.messages.values(), *plan.resumed.values()], desk.now())
        raise outage
    return gone


def _intake(plan: Plan, batch: Batch, desk: Desk, fence: Fence | None) -> Intake:
    return Intake(
        messages=list(plan.messages.values()),
        resumed=list(plan.resumed.values()),
        seen=plan.seen,
        cursor=batch.cursor,
        source_name=desk.source_name,
        fence=fence,
    )


def settle_places(
    taken: Sequence[Place],
    held: Sequence[Place],
    *,
    inbox: Inbox,
    settle: Settle,
    now: Callable[[], datetime],
) -> str:
    """Let the source forget what was committed; return "" or why it refused.  May be repeated.

    `held` are the copies that only the quarantine got.  Raises SourceUnavailable when the source went away;
    what it did before is met again and done again.
    """
    done, refused = list[Place](), ""
    for places, letting_go in ((taken, settle), (held, partial(settle, held=True))):
        try:
            done += letting_go(places) if places else ()
        except SettleFailed as error:
            _log.error("not settled", source=places[0].source, code=error.code, error=str(error))
            refused = str(error)
    if done:
        reach("accept.settled")
        inbox.settled(done, now())
        reach("accept.recorded")
        _log.info("settled", source=done[0].source, copies=len(done))
    return refused
