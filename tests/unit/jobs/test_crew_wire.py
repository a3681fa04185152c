"""An error goes from a worker process to its parent and is the same there."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime

import pytest

from postroom.errors import DecoderDied, ObjectMissing, SettleFailed, StoreUnavailable, TransientError
from postroom.jobs.crew_wire import error_of, trouble_of
from postroom.jobs.records import as_record

NOON = datetime(2025, 3, 4, 12, 0, tzinfo=UTC)


class Odd(Exception):
    """An error that cannot be pickled, as those of some libraries cannot."""

    def __init__(self, one: str, two: object) -> None:
        super().__init__(f"{one} of {two}")
        self.two = lambda: two


@pytest.mark.parametrize(
    "error",
    [
        ObjectMissing("not in the archive: x"),
        StoreUnavailable("the disk is full", fix="free some space"),
        DecoderDied("the zip decoder was killed by SIGSEGV"),
        SettleFailed("no such folder"),
        KeyError("x"),
        Odd("a", 2),
        RecursionError("maximum recursion depth exceeded"),
    ],
)
def test_what_is_written_of_an_error_is_the_same_on_both_sides(error: Exception) -> None:
    arrived = error_of(pickle.loads(pickle.dumps(trouble_of(error))))  # noqa: S301  (our own)

    assert as_record(arrived, NOON) == as_record(error, NOON)
    assert isinstance(arrived, TransientError) == isinstance(error, TransientError)
    assert type(arrived).__name__ == type(error).__name__
