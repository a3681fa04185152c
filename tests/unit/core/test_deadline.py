"""How long somebody is waited for when the time is measured out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from postroom.core.deadline import NEVER, Deadline

IN_FORTY_SECONDS = Deadline(at=140.0, clock=lambda: 100.0)


@pytest.mark.parametrize(
    ("at", "left", "is_over"),
    [
        pytest.param(140.0, 40.0, False, id="there is time"),
        pytest.param(100.0, 0.0, True, id="it is over now"),
        pytest.param(90.0, 0.0, True, id="it is over for long"),
    ],
)
def test_what_is_left_is_never_less_than_none(at: float, left: float, is_over: bool) -> None:
    deadline = replace(IN_FORTY_SECONDS, at=at)

    assert (deadline.left, deadline.is_over) == (left, is_over)


@pytest.mark.parametrize(
    ("at", "seconds"),
    [
        pytest.param(1_000.0, 60.0, id="time enough: as always"),
        pytest.param(160.0, 20.0, id="a third of what is left, for the sake of the others"),
        pytest.param(109.0, 5.0, id="a server gets some seconds at least"),
        pytest.param(102.0, 2.0, id="but nobody more than is left"),
        pytest.param(90.0, 0.01, id="and where nothing is left, as good as nothing"),
    ],
)
def test_an_answer_is_waited_for_by_what_is_left(at: float, seconds: float) -> None:
    assert replace(IN_FORTY_SECONDS, at=at).wait_seconds(60.0) == seconds


def test_without_a_deadline_an_answer_is_waited_for_as_always() -> None:
    assert (NEVER.wait_seconds(60.0), NEVER.is_over, NEVER.is_finite) == (60.0, False, False)
