"""The tasks: plain functions that may be repeated, the same for `run`, `fetch --once` and many hosts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog

from postroom.core.retry import pause_seconds
from postroom.db.leases import lease_of_source
from postroom.db.values import Claim, Fence
from postroom.errors import (
    LeaseLost,
    PinnedOrgMissing,
    PostroomError,
    SettleFailed,
    SourceVanished,
    TransientError,
)
from postroom.failpoints import reach
from postroom.fetcher.source import MessageSource
from postroom.jobs.house import House, SourceKit
from postroom.jobs.keeping import kept
from postroom.pipeline.accept import accept, settle_places
from postroom.pipeline.extract import extract
from postroom.pipeline.inside import final
from postroom.pipeline.tally import Tally

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.jobs")
_CLAIMED_AT_ONCE = 20
_GIVEN_UP_AFTER = timedelta(days=1)


def poll(
    kit: SourceKit,
    house: House,
    *,
    limit: int | None = None,
    since: datetime | None = None,
    report: Callable[[Tally], None] = lambda _tally: None,
) -> Tally:
    """Accept what is new in one source, batch by batch; settle first what an earlier poll could not.

    One source's trouble is recorded for `status` and raised: SourceUnavailable and its kind, or an outage of
    archive or database.  What was committed until then stands, and `report` was told of each batch of it.  A
    refused after-action is recorded too, and is in the tally.  Returns an empty tally while another worker
    holds the source's lease.
    """
    name = lease_of_source(kit.name)
    seconds = house.pace.lease_seconds
    fence = house.leases.acquire(name, holder=house.holder, seconds=seconds, now=house.now())
    if fence is None:
        return Tally()
    reach("poll.leased")
    tally = Tally()
    try:
        with _told_of(kit, house), kept(partial(_renew_lease, fence, house), lease_seconds=seconds):
            for counted in _batches(fence, kit, house, limit or kit.max_per_poll, since):
                report(counted)
                tally += counted
        refusal = as_record(SettleFailed(tally.refused), house.now()) if tally.refused else None
        house.book.polled(kit.name, kit.kind, house.now(), error=refusal)
        return tally
    finally:
        house.leases.release(fence)


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
    fence: Fence, kit: SourceKit, house: House, limit: int, since: datetime | None
) -> Iterator[Tally]:
    _require_pinned_org(kit)
    with kit.connect() as source:
        yield Tally(refused=_settle_owed(source, kit, house) or _remove_kept(source, kit, house))
        for batch in source.batches(kit.memory, limit=limit, since=since):
            yield accept(batch, desk=kit.desk, settle=source.settle, fence=fence)
            if house.stopping.is_set():
                break
            # A commit that took long may have outlasted the lease: read on only while the mailbox is ours.
            _renew_lease(fence, house)


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


def extract_due(house: House, *, until_empty: bool = False) -> Tally:
    """Extract what is due, on all workers; return documents and failures.

    `until_empty` goes on until nothing is due.  An outage puts the claims back
    unharmed and is raised after the batch, so that nobody spins.
    """
    tally = Tally()
    with ThreadPoolExecutor(house.pace.workers, thread_name_prefix="extract") as workers:
        while not house.stopping.is_set():
            seconds = house.pace.lease_seconds
            claims = house.workbench.claim(
                limit=_CLAIMED_AT_ONCE, holder=house.holder, lease_seconds=seconds, now=house.now()
            )
            renew = partial(_renew_claims, claims, house)
            with kept(renew, lease_seconds=seconds):
                outcomes = list(workers.map(partial(extract_one, house=house), claims))
            tally = sum((outcome for outcome, _ in outcomes), tally)
            outage = next((error for _, error in outcomes if error), None)
            if outage:
                raise outage
            if not claims or not until_empty:
                break
    return tally


def _renew_claims(claims: Sequence[Claim], house: House) -> None:
    house.workbench.renew(claims, lease_seconds=house.pace.lease_seconds, now=house.now())


def extract_one(claim: Claim, house: House) -> tuple[Tally, TransientError | None]:
    """Extract one claimed message; whatever its bytes do costs it one attempt and nobody else anything."""
    try:
        documents = extract(
            claim,
            store=house.store,
            workbench=house.workbench,
            standard=house.standard(claim),
            opening=house.opening if _another_follows(claim, house) else final(house.opening),
            now=house.now,
        )
        return Tally(documents=documents), None
    except LeaseLost as error:
        _log.warning("passed over", row=str(claim.message_id), code=error.code, error=str(error))
        return Tally(), None
    except TransientError as error:
        return _put_back(claim, house, error)
    except Exception as error:
        return Tally(failed=_attempt_failed(claim, house, error)), None


def _another_follows(claim: Claim, house: House) -> bool:
    return claim.attempts + 1 < house.pace.attempts


def _put_back(claim: Claim, house: House, error: TransientError) -> tuple[Tally, TransientError]:
    pause = house.pace.backoff_first_seconds * (0.5 + house.jitter())
    _unless_lost(claim, lambda: house.workbench.put_back(claim, house.now(), pause_seconds=pause))
    return Tally(), error


def _attempt_failed(claim: Claim, house: House, error: Exception) -> bool:
    attempt = claim.attempts + 1
    final = attempt >= house.pace.attempts
    record = as_record(error, house.now()) | {"attempt": attempt}
    pause = pause_seconds(
        attempt,
        first=house.pace.backoff_first_seconds,
        cap=house.pace.backoff_cap_seconds,
        jitter=house.jitter(),
    )
    retry_at = None if final else house.now() + timedelta(seconds=pause)
    _unless_lost(claim, lambda: house.workbench.attempt_failed(claim, record, house.now(), retry_at=retry_at))
    say = _log.error if final else _log.warning
    facts = {"org": claim.org, "row": str(claim.message_id), "bytes": claim.size_bytes, "attempt": attempt}
    say("failed" if final else "attempt failed", **facts, code=record["code"], error=record["message"])
    return final


def _unless_lost(claim: Claim, write: Callable[[], None]) -> None:
    try:
        write()
    except LeaseLost as error:
        _log.warning("passed over", row=str(claim.message_id), code=error.code, error=str(error))


def rescue_stalled(house: House) -> int:
    """Free the claims of workers that died, and give up mails that left their source; return how many."""
    now = house.now()
    freed = house.workbench.rescue(now)
    lost = house.inbox.give_up_received(unseen_since=now - _GIVEN_UP_AFTER, now=now)
    if lost:
        _log.error("failed", mails=lost, code=SourceVanished.code)
    if freed:
        _log.warning("rescued", claims=freed)
    return freed + lost


def as_record(error: Exception, now: datetime) -> dict[str, Any]:
    """Return an error as it goes into error_json: code, words, time; never a traceback."""
    if isinstance(error, PostroomError):
        return {"code": error.code, "message": str(error), "fix": error.fix, "at": now.isoformat()}
    return {"code": "E-BUG", "message": f"{type(error).__name__}: {error}", "fix": "", "at": now.isoformat()}
