"""Batches are full but never over their bounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.core.limits import MIB
from postroom.fetcher.batching import in_batches


@pytest.mark.parametrize(
    ("sizes", "batches"),
    [
        pytest.param([], [], id="nothing"),
        pytest.param([1] * 51, [50, 1], id="fifty copies"),
        pytest.param([16 * MIB, 16 * MIB, 1], [2, 1], id="32 MiB"),
        pytest.param([1, 40 * MIB, 1], [1, 1, 1], id="one too big stands alone"),
    ],
)
def test_a_batch_ends_at_fifty_copies_or_32_mib(sizes: list[int], batches: list[int]) -> None:
    assert [len(batch) for batch in in_batches(sizes, lambda size: size)] == batches


@given(st.lists(st.integers(min_value=0, max_value=40), max_size=60))
def test_nothing_is_lost_and_the_order_stays(sizes: list[int]) -> None:
    batches = list(in_batches(sizes, lambda size: size, most=5, most_bytes=32))

    assert [size for batch in batches for size in batch] == sizes
    assert all(batch and (len(batch) == 1 or sum(batch) <= 32) and len(batch) <= 5 for batch in batches)
