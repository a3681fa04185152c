"""Polling a source until it has no more for now, and what its trouble costs it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from postroom.core.retry import pause_seconds
from postroom.errors import (
    CredentialRejected,
    LoginRefused,
    MailUnreadable,
    SourceUnavailable,
    TransientError,
)
from postroom.jobs.house import House, SourceKit
from postroom.jobs.polling import poll
from postroom.pipeline.tally import Tally

_SHORTEST_BACK_OFF_SECONDS = 80.0  # jitter leaves a minute of it; a poll that fails may have logged in twice
_LONGEST_BACK_OFF_SECONDS = 900.0
_LONGEST_AFTER_REFUSAL_SECONDS = 3_600.0  # no network mends a password, and who keeps knocking is locked out
_REFUSALS = (LoginRefused, CredentialRejected)


def drain(kit: SourceKit, house: House, *, took_mail: Callable[[], object]) -> None:
    """Poll until a poll comes back less than full, or the house is stopping; say so of each batch with mail.

    Raises what `poll` raises but MailUnreadable: one mail that cannot be read is no trouble of its source.
    """
    while poll_once(kit, house, took_mail) and not house.stopping.is_set():
        pass


def poll_once(kit: SourceKit, house: House, took_mail: Callable[[], object]) -> bool:
    """Poll once, and return whether there may be more at once; otherwise as `drain`."""
    counted: list[Tally] = []
    with suppress(MailUnreadable):  # logged and recorded by the poll itself
        poll(kit, house, report=counted.append, took_mail=took_mail)
    tally = sum(counted, Tally())
    met = tally.taken + tally.duplicates + tally.quarantined + tally.left
    return met >= kit.max_per_poll and not tally.refused


def refusal_to_rest_after(kit: SourceKit, house: House) -> TransientError | None:
    """Return the refused login after which a source still rests, None where it may be tried.

    What a service knows while it runs, a round of cron has from the database: who keeps knocking with a
    password that was refused is locked out.
    """
    last = house.book.last_failure(kit.name)
    refusal = next((each for each in _REFUSALS if last is not None and each.code == last.code), None)
    if last is None or refusal is None:
        return None
    error = refusal(last.message)
    pause = timedelta(seconds=back_off_seconds(last.failures, error, kit, house))
    return error if house.now() < last.at + pause else None


def back_off_seconds(failures: int, error: TransientError, kit: SourceKit, house: House) -> float:
    """Return how long a source rests after so many failures in a row, the last of them `error`."""
    is_refused = isinstance(error, _REFUSALS)
    longest = _LONGEST_AFTER_REFUSAL_SECONDS if is_refused else _LONGEST_BACK_OFF_SECONDS
    meets_a_server = kit.is_shared and isinstance(error, SourceUnavailable)
    shortest = _SHORTEST_BACK_OFF_SECONDS if meets_a_server else 0.0
    return pause_seconds(
        failures,
        first=max(2 * kit.poll_seconds, shortest),
        cap=max(kit.poll_seconds, longest),
        jitter=house.jitter() / 2,
    )
