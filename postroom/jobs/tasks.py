"""The tasks beside polling: plain functions that may be repeated, the same whatever runs them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog

from postroom.core.retry import pause_seconds
from postroom.db.values import Claim
from postroom.errors import LeaseLost, PostroomError, SourceVanished, TransientError
from postroom.jobs.house import House
from postroom.jobs.keeping import kept
from postroom.pipeline.extract import extract
from postroom.pipeline.inside import final
from postroom.pipeline.tally import Tally

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.jobs")
_CLAIMED_AT_ONCE = 20
_GIVEN_UP_AFTER = timedelta(days=1)


def extract_due(house: House, *, until_empty: bool = False) -> Tally:
    """Extract what is due, on all workers; return documents and failures.

    `until_empty` goes on until nothing is due, or the house's time is over.  An outage puts the claims back
    unharmed and is raised after the batch, so that nobody spins.
    """
    tally = Tally()
    # Where the time is measured out, each worker finishes one message and begins no other.
    at_once = house.pace.workers if house.work_until.is_finite else _CLAIMED_AT_ONCE
    with ThreadPoolExecutor(house.pace.workers, thread_name_prefix="extract") as workers:
        while not house.stopping.is_set() and not house.work_until.is_over:
            seconds = house.pace.lease_seconds
            claims = house.workbench.claim(
                limit=at_once, holder=house.holder, lease_seconds=seconds, now=house.now()
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
