"""The task of extracting: workers take claimed mails apart, and those that are done commit together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from queue import SimpleQueue
from typing import Final

import structlog

from postroom.core.retry import pause_seconds
from postroom.db.outcomes import Extracted
from postroom.db.values import Claim
from postroom.errors import LeaseLost, TransientError, WorkerDied
from postroom.failpoints import reach
from postroom.jobs.house import House
from postroom.jobs.keeping import kept
from postroom.jobs.order import Order
from postroom.jobs.records import as_record
from postroom.jobs.together import Together
from postroom.pipeline.tally import Tally
from postroom.stages import in_track, stage

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.extract")
_MUCH: Final = 4
"""Of how many messages for each worker there are to be more, so that processes are worth their start."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one claim: its contents and the milliseconds they took, or the error."""

    claim: Claim
    extracted: Extracted | None = None
    ms: float = 0.0
    error: Exception | None = None


@in_track("work")
def extract_due(house: House, *, until_empty: bool = False) -> Tally:
    """Extract what is due, on all workers; return documents and failures.

    `until_empty` goes on until nothing is due, or the house's time is over.  An outage puts the claims back
    unharmed and is raised after the batch, so that nobody spins.
    """
    tally, claimed = Tally(), 0
    while not house.stopping.is_set() and not house.work_until.is_over:
        # Where the time is measured out, each worker finishes one message and begins no other.
        most = house.pace.workers if house.work_until.is_finite else house.to_extract.size
        claims = _claimed(most, house)
        claimed += len(claims)
        if house.crew is not None and claimed > _MUCH * house.pace.workers:
            house.crew.muster()
        began = time.monotonic()
        done = extract_claims(claims, house)
        tally += done
        house.to_extract.done(len(claims), time.monotonic() - began)
        if not until_empty or (len(claims) < most and not done.died):
            break
    return tally


def _claimed(limit: int, house: House) -> Sequence[Claim]:
    lease_seconds = house.pace.lease_seconds
    with stage("claim"):
        return house.workbench.claim(
            limit=limit, holder=house.holder, lease_seconds=lease_seconds, now=house.now()
        )


def extract_claims(claims: Sequence[Claim], house: House) -> Tally:
    """Extract claimed messages, on all workers; whatever the bytes of one do costs no other anything.

    Raises the first outage, once all have ended.
    """
    if not claims:
        return Tally()
    renew = partial(_renew_claims, claims, house)
    finished = SimpleQueue[Future[Outcome]]()
    with (
        ThreadPoolExecutor(house.pace.workers, thread_name_prefix="extract") as workers,
        kept(renew, lease_seconds=house.pace.lease_seconds),
    ):
        for claim in claims:
            workers.submit(_attempt, claim, house).add_done_callback(finished.put)
        return _conclude(claims, finished, house)


def _renew_claims(claims: Sequence[Claim], house: House) -> None:
    house.workbench.renew(claims, lease_seconds=house.pace.lease_seconds, now=house.now())


@in_track("workers")
def _attempt(claim: Claim, house: House) -> Outcome:
    """Take one claimed message apart; whatever its bytes do is its own trouble."""
    started = time.monotonic()
    follows = claim.attempts + 1 < house.pace.attempts
    try:
        order = Order(claim, house.standard(claim), follows)
        extracted = house.here(order) if house.crew is None else house.crew.take_apart(order, here=house.here)
    except Exception as error:
        return Outcome(claim, error=error)
    return Outcome(claim, extracted, ms=round((time.monotonic() - started) * 1000, 1))


def _conclude(claims: Sequence[Claim], finished: SimpleQueue[Future[Outcome]], house: House) -> Tally:
    """Write down what the workers find, some together; raise the first outage once all have ended."""
    tally, outages = Tally(), list[TransientError]()
    together = Together[Outcome](len(claims))
    for _ in claims:
        with stage("extract"):
            outcome = finished.get().result()
        complete = together.add(outcome)
        try:
            tally += _write_down(complete, house) if complete else Tally()
        except TransientError as error:
            outages.append(error)
    if outages:
        raise outages[0]
    return tally


def _write_down(outcomes: Iterable[Outcome], house: House) -> Tally:
    """Commit what was extracted, and count what failed; raise the first outage after that."""
    tally, outages, ready = Tally(), list[TransientError](), list[Outcome]()
    for outcome in outcomes:
        if outcome.extracted is not None:
            ready.append(outcome)
        elif isinstance(outcome.error, WorkerDied):
            _count_death(outcome.claim, house, outcome.error)
            tally += Tally(died=1)
        elif isinstance(outcome.error, TransientError):
            outages.append(_put_back(outcome.claim, house, outcome.error))
        elif outcome.error is not None:
            tally += Tally(failed=_attempt_failed(outcome.claim, house, outcome.error))
    if ready:
        tally += _finish(ready, house)
    if outages:
        raise outages[0]
    return tally


def _finish(ready: Sequence[Outcome], house: House) -> Tally:
    """Commit together; where the database refuses that, one by one, so that each answers for itself."""
    try:
        with stage("finish"):
            counts = house.workbench.finish([each.extracted for each in ready if each.extracted], house.now())
    except TransientError as outage:
        for each in ready:
            _put_back(each.claim, house, outage)
        raise
    except Exception as error:
        if len(ready) > 1:
            return sum((_finish([each], house) for each in ready), Tally())
        return Tally(failed=_attempt_failed(ready[0].claim, house, error))
    reach("extract.finished")
    for each in ready:
        if each.claim.message_id in counts:
            _say_parsed(each, counts[each.claim.message_id])
        else:
            _say_passed_over(each.claim, LeaseLost(f"message {each.claim.message_id} went to another worker"))
    return Tally(documents=sum(counts.values()))


def _say_parsed(outcome: Outcome, documents: int) -> None:
    claim, extracted = outcome.claim, outcome.extracted
    assert extracted is not None  # noqa: S101  (who has none is not finished)
    _log.info(
        "parsed",
        org=claim.org,
        message_id=claim.source_message_id,
        row=str(claim.message_id),
        bytes=claim.size_bytes,
        documents=documents,
        limits=list(extracted.limits),
        defects=sum(len(part.defects) for part in extracted.parts),
        ms=outcome.ms,
    )


def _put_back(claim: Claim, house: House, outage: TransientError) -> TransientError:
    pause = house.pace.backoff_first_seconds * (0.5 + house.jitter())
    _unless_lost(claim, lambda: house.workbench.put_back(claim, house.now(), pause_seconds=pause))
    return outage


def _count_death(claim: Claim, house: House, error: WorkerDied) -> None:
    _unless_lost(claim, lambda: house.workbench.died_over(claim))
    facts = {"org": claim.org, "row": str(claim.message_id), "bytes": claim.size_bytes}
    _log.warning("worker process died", **facts, deaths=claim.deaths + 1, code=error.code, error=str(error))


def _attempt_failed(claim: Claim, house: House, error: Exception) -> bool:
    attempt = claim.attempts + 1
    is_last = attempt >= house.pace.attempts
    record = as_record(error, house.now()) | {"attempt": attempt}
    pause = pause_seconds(
        attempt,
        first=house.pace.backoff_first_seconds,
        cap=house.pace.backoff_cap_seconds,
        jitter=house.jitter(),
    )
    retry_at = None if is_last else house.now() + timedelta(seconds=pause)
    _unless_lost(claim, lambda: house.workbench.attempt_failed(claim, record, house.now(), retry_at=retry_at))
    say = _log.error if is_last else _log.warning
    facts = {"org": claim.org, "row": str(claim.message_id), "bytes": claim.size_bytes, "attempt": attempt}
    say("failed" if is_last else "attempt failed", **facts, code=record["code"], error=record["message"])
    return is_last


def _unless_lost(claim: Claim, write: Callable[[], None]) -> None:
    try:
        write()
    except LeaseLost as error:
        _say_passed_over(claim, error)


def _say_passed_over(claim: Claim, error: LeaseLost) -> None:
    _log.warning("passed over", row=str(claim.message_id), code=error.code, error=str(error))
