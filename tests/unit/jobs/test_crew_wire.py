"""What goes between a worker process and its parent is the same there: orders, answers, errors."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from uuid import UUID

import pytest

from postroom.core.rules import Rules, Standard
from postroom.db.outcomes import Extracted
from postroom.db.values import Claim, LedgerPart
from postroom.errors import DecoderDied, ObjectMissing, SettleFailed, StoreUnavailable, TransientError
from postroom.jobs.crew_wire import Answer, error_of, packed, trouble_of
from postroom.jobs.order import Order
from postroom.jobs.records import as_record

NOON = datetime(2025, 3, 4, 12, 0, tzinfo=UTC)


CLAIM = Claim(
    UUID(int=1), UUID(int=2), "acme", "<a@b.example>", "2/raw/ab/abcd", "abcd", 4, 1, token=7, deaths=1
)
PART = LedgerPart(
    path="1.2",
    content_type="image/png",
    sniffed=None,
    filename="logo.png",
    filename_original="=?utf-8?q?logo.png?=",
    disposition="inline",
    content_id="logo",
    transfer_encoding="base64",
    size_bytes=3,
    sha256="cdef",
    kept=False,
    reason="shown inline",
    decode_status="ok",
    defects=("bad padding",),
)


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


@pytest.mark.parametrize(
    "words",
    [
        pytest.param((3, Order(CLAIM, Standard(rules=Rules(kinds=("image/*",))), follows=True)), id="order"),
        pytest.param(Answer(3, Extracted(CLAIM, (PART,), ("bad padding",), ("parts",))), id="contents"),
        pytest.param(Answer(3, trouble=trouble_of(KeyError("x")), spent={"read": 0.5}), id="trouble"),
        pytest.param("ready", id="a word"),
    ],
)
def test_what_is_packed_is_the_same_on_the_other_side(words: object) -> None:
    arrived = pickle.loads(packed(words))  # noqa: S301  (our own)

    assert arrived == words
