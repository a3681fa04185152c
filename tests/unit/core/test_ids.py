"""Row ids: version 7 UUIDs that sort by time."""

from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from postroom.core.ids import uuid7

MILLISECONDS = st.integers(0, 2**48 - 1)
CHANCE = st.binary(min_size=10, max_size=10)


def test_an_id_is_laid_out_as_rfc_9562_says() -> None:
    assert uuid7(0x017F22E279B0, bytes.fromhex("0cc318c4dc0c0c07398f")) == UUID(
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"
    )


@given(MILLISECONDS, CHANCE)
def test_every_id_is_a_version_7_uuid(unix_ms: int, chance: bytes) -> None:
    made = uuid7(unix_ms, chance)

    assert (made.version, made.variant, made.int >> 80) == (7, "specified in RFC 4122", unix_ms)


@given(st.tuples(MILLISECONDS, CHANCE), st.tuples(MILLISECONDS, CHANCE))
def test_ids_sort_by_the_time_they_were_made(one: tuple[int, bytes], other: tuple[int, bytes]) -> None:
    if one[0] < other[0]:
        assert uuid7(*one) < uuid7(*other)
