"""Polling one source: what is new is taken batch by batch, and what is owed to it is settled first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial

import structlog

from postroom.core.places import Place
from postroom.db.leases import lease_of_source
from postroom.db.values import Fence
from postroom.errors import BudgetSpent, LeaseLost, PinnedOrgMissing, SettleFailed
from postroom.failpoints import reach
from postroom.fetcher.source import Batch, MessageSource
from postroom.jobs.ahead import Ahead
from postroom.jobs.backlog import Backlog
from postroom.jobs.house import House, SourceKit
from postroom.jobs.keeping import kept
from postroom.jobs.records import as_record
from postroom.pipeline.accept import Settle, accept, settle_places
from postroom.pipeline.tally import Tally
from postroom.stages import stage, track

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.jobs")
_LONG_ENOUGH_SECONDS = 15.0  # for a source to give a mail; who had less was only at the end of the queue


def poll(
    kit: SourceKit,
    house: House,
    *,
    limit: int | None = None,
    since: datetime | None = None,
    report: Callable[[Tally], None] = lambda _tally: None,
    took_mail: Callable[[], object] = lambda: None,
) -> Tally:
    """Accept what is new in one source, batch by batch; settle first what an earlier poll could not.

    One source's trouble is recorded for `status` and raised: SourceUnavailable and its kind, or an outage of
    archive or database.  What was committed until then stands, and `report` was told of each batch of it;
    `took_mail` is called a little sooner, before the source lets new mail go.  A refused after-action is
    recorded too, and is in the tally.  Returns an empty tally while another worker holds the source's lease.

    Where the house's time is over, the poll ends after the mails that were read whole; that is trouble
    (BudgetSpent) only where the source had time and gave nothing.
    """
    name = lease_of_source(kit.name)
    seconds = house.pace.lease_seconds
    fence = house.leases.acquire(name, holder=house.holder, seconds=seconds, now=house.now())
    if fence is None:
        return Tally()
    reach("poll.leased")
    try:
        with (
            track("polls"),
            _told_of(kit, house),
            kept(partial(_renew_lease, fence, house), lease_seconds=seconds),
        ):
            backlog = Backlog(limit or kit.max_per_poll)
            return _counted(
                _batches(fence, kit, house, backlog, since, took_mail), kit, house, report, backlog
            )
    finally:
        house.leases.release(fence)


def _counted(
    batches: Iterator[Tally],
    kit: SourceKit,
    house: House,
    report: Callable[[Tally], None],
    backlog: Backlog,
) -> Tally:
    """Accept all that comes, and record how the poll ended."""
    tally, began, began_at = Tally(), house.polls_until.clock(), house.now()
    try:
        for counted in batches:
            report(counted)
            tally += counted
    except BudgetSpent:
        if tally == Tally() and house.polls_until.clock() - began >= _LONG_ENOUGH_SECONDS:
            raise
        house.book.attempted(kit.name, kit.kind, house.now())
        return tally
    refusal = as_record(SettleFailed(tally.refused), house.now()) if tally.refused else None
    reached = backlog.reached(began_at)
    house.book.polled(kit.name, kit.kind, house.now(), error=refusal, reached=reached)
    return tally


@contextmanager
def _told_of(kit: SourceKit, house: House) -> Iterator[None]:
    """Record for `status` what a poll broke off with, and log it."""
    try:
        yield
    except LeaseLost as error:  # no trouble of the source's: another host polls it now
        _log.warning("poll ended", source=kit.name, code=error.code, error=str(error))
        raise
    except Exception as error:
        record = as_record(error, house.now())
        house.book.polled(kit.name, kit.kind, house.now(), error=record)
        _log.error("poll failed", source=kit.name, code=record["code"], error=record["message"])
        raise


def _renew_lease(fence: Fence, house: House) -> None:
    house.leases.renew(fence, seconds=house.pace.lease_seconds, now=house.now())


def _batches(
    fence: Fence,
    kit: SourceKit,
    house: House,
    backlog: Backlog,
    since: datetime | None,
    took_mail: Callable[[], object],
) -> Iterator[Tally]:
    _require_pinned_org(kit)
    with kit.connect() as source:
        with stage("settle owed"):
            refused = _settle_owed(source, kit, house) or _remove_kept(source, kit, house)
        yield Tally(refused=refused)
        batches = source.batches(kit.memory, limit=backlog.limit, since=since)
        with Ahead(batches, is_over=partial(_is_over, house)) as coming:
            settle = _in_time(source, coming)
            for batch in coming:
                backlog.note(batch)
                yield accept(batch, desk=kit.desk, settle=settle, fence=fence, took_mail=took_mail)
                # A commit that took long may have outlasted the lease: go on only while the mailbox is ours.
                _renew_lease(fence, house)


def _is_over(house: House) -> bool:
    return house.stopping.is_set() or house.polls_until.is_over


def _in_time(source: MessageSource, coming: Ahead[Batch]) -> Settle:
    """Return the source's `settle`, which leaves to the next poll what there is no time for.

    A source is asked by one thread at a time: what is being read from it comes first.
    """

    def settle(places: Sequence[Place], *, held: bool = False) -> Sequence[Place]:
        coming.rest()
        try:
            return source.settle(places, held=held)
        except BudgetSpent:
            return ()

    return settle


def _require_pinned_org(kit: SourceKit) -> None:
    """Leave the mail of a whole source where it is rather than in quarantine, for want of one org."""
    pinned = kit.desk.rule.pinned
    if pinned is not None and not kit.desk.directory.resolve([pinned]):
        raise PinnedOrgMissing(
            f'the source {kit.name} is pinned to the org "{pinned}", which does not exist',
            fix=f"postroom org add {pinned}, or correct its org",
        )


def _settle_owed(source: MessageSource, kit: SourceKit, house: House) -> str:
    """Settle what was committed before and not let go: a crash or a refusal came in between."""
    owed = house.inbox.unsettled(kit.name)
    if not owed:  # as after nearly every poll
        return ""
    held = house.inbox.unsettled(kit.name, held=True)
    only_held = set(held)
    taken = [place for place in owed if place not in only_held]
    return settle_places(taken, held, inbox=house.inbox, settle=source.settle, now=house.now)


def _remove_kept(source: MessageSource, kit: SourceKit, house: House) -> str:
    """Remove mails that were to be kept for a while only; return "" or why the source refused.

    What is removed and not recorded, because of a crash, is met again and found gone.
    """
    if kit.kept is None:
        return ""
    places, until = kit.kept.due(house.now() - timedelta(seconds=kit.keep_seconds))
    if until is None:
        return ""
    try:
        source.remove(places)
    except SettleFailed as error:
        _log.error("not removed", source=kit.name, code=error.code, error=str(error))
        return str(error)
    kit.kept.removed(until)
    if places:
        _log.info("removed", source=kit.name, copies=len(places))
    return ""
