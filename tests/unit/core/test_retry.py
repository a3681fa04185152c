"""The pause before the next attempt: doubling, capped, spread."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.core.retry import pause_seconds


@pytest.mark.parametrize(
    ("attempt", "jitter", "seconds"),
    [
        pytest.param(1, 0.0, 30.0, id="the first"),
        pytest.param(2, 0.0, 60.0, id="twice as long"),
        pytest.param(4, 0.0, 240.0, id="and again"),
        pytest.param(20, 0.0, 21600.0, id="never over the cap"),
        pytest.param(1, 1.0, 15.0, id="jitter takes off half at most"),
        pytest.param(20, 0.5, 16200.0, id="also from the cap"),
        pytest.param(0, 0.0, 30.0, id="an attempt that never was counts as the first"),
    ],
)
def test_pauses_double_up_to_a_cap(attempt: int, jitter: float, seconds: float) -> None:
    assert pause_seconds(attempt, first=30.0, cap=21600.0, jitter=jitter) == seconds


@given(st.integers(-5, 10**9), st.floats(0.0, 1.0))
def test_no_attempt_whatever_waits_longer_than_the_cap(attempt: int, jitter: float) -> None:
    assert 15.0 <= pause_seconds(attempt, first=30.0, cap=600.0, jitter=jitter) <= 600.0
