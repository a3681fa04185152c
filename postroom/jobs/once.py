"""One bounded round of everything due, for cron."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

import structlog

from postroom.errors import OperatorError, PostroomError, SettleFailed, TransientError
from postroom.jobs.alongside import Alongside
from postroom.jobs.announcing import announce_due
from postroom.jobs.draining import refusal_to_rest_after
from postroom.jobs.extracting import extract_due
from postroom.jobs.house import House, SourceKit
from postroom.jobs.polling import poll
from postroom.jobs.rescuing import rescue_stalled
from postroom.pipeline.tally import Tally

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.jobs")


@dataclass(frozen=True, slots=True)
class Round:
    """What a round came to: the sum, the sources that went well, the errors of those that did not.

    `unfinished` are those that there was no time for, or not enough.
    """

    tally: Tally
    fine: tuple[str, ...]
    troubled: dict[str, PostroomError]
    outage: PostroomError | None = None
    unfinished: tuple[str, ...] = ()


def one_round(
    kits: Sequence[SourceKit],
    house: House,
    *,
    limit: int | None = None,
    since: datetime | None = None,
    report: Callable[[Tally], None] = lambda _tally: None,
    rests: bool = False,
) -> Round:
    """Poll each source once, extract all that is due, announce it; `report` is told of each batch taken.

    What is taken is taken apart while the next is read.

    A source in trouble holds up no other, not even where the trouble is a bug.  Where the house's time is
    over, the rest is left to the next round, which begins with the source that was tried longest ago.  With
    `rests`, a source whose login was refused is in trouble and not tried too soon.  Raises OperatorError.
    """
    counted = list[Tally]()
    with Alongside(partial(_take_apart, house)) as work:

        def count(tally: Tally) -> None:
            counted.append(tally)
            report(tally)

        polling = partial(poll, limit=limit, since=since, report=count, took_mail=work.wake)
        ends = _poll_each(kits, house, polling, rests=rests)
    worked, outage = _work(house)
    tally = sum(counted, work.tally + worked)
    return Round(tally, tuple(ends.fine), ends.troubled, outage, tuple(ends.unfinished))


@dataclass(frozen=True, slots=True)
class _Ends:
    """How the polls of the sources ended."""

    fine: list[str] = field(default_factory=list)
    troubled: dict[str, PostroomError] = field(default_factory=dict)
    unfinished: list[str] = field(default_factory=list)


def _poll_each(
    kits: Sequence[SourceKit],
    house: House,
    polling: Callable[[SourceKit, House], Tally],
    *,
    rests: bool,
) -> _Ends:
    ends = _Ends()
    for kit in _in_turn(kits, house):
        if house.stopping.is_set():
            break
        error: PostroomError | None = refusal_to_rest_after(kit, house) if rests else None
        if error is None and not house.polls_until.is_over:
            error = _trouble(partial(polling, kit, house))
        if error is not None:
            ends.troubled[kit.name] = error
        elif house.polls_until.is_over:
            ends.unfinished.append(kit.name)
        else:
            ends.fine.append(kit.name)
    return ends


def _work(house: House) -> tuple[Tally, PostroomError | None]:
    """Take apart and announce what is due; return what came of it, and the outage that ended it, if any."""
    rescue_stalled(house)
    try:
        return _take_apart(house), None
    except TransientError as error:
        return Tally(), error


def _take_apart(house: House) -> Tally:
    tally = extract_due(house, until_empty=True)
    announce_due(house)
    return tally


def _trouble(polling: Callable[[], Tally]) -> PostroomError | None:
    """Poll one source; return what went wrong, a bug too, None where nothing did.  Raises OperatorError."""
    try:
        polled = polling()
    except TransientError as error:
        return error
    except OperatorError:
        raise
    except Exception as error:
        _log.exception("bug", code="E-BUG")
        return PostroomError(f"{type(error).__name__}: {error}")
    return SettleFailed(polled.refused) if polled.refused else None


def _in_turn(kits: Sequence[SourceKit], house: House) -> Sequence[SourceKit]:
    """Return the sources in their order; where time is measured out, those tried longest ago first."""
    if not house.polls_until.is_finite:
        return kits
    last = house.book.last_attempts()
    never = datetime.min.replace(tzinfo=UTC)
    return sorted(kits, key=lambda kit: last.get(kit.name, never))
