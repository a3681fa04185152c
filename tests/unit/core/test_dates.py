"""The Date field, as mail programs write it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.core.dates import read_date

MORNING = datetime(2025, 3, 4, 9, 11, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("body", "moment"),
    [
        pytest.param(b" Tue, 4 Mar 2025 10:11:12 +0100", MORNING, id="RFC 5322"),
        pytest.param(b"4 Mar 2025 10:11:12 +0100 (CET)", MORNING, id="no weekday, a comment"),
        pytest.param(b"Tue,  04 MAR 2025 09:11:12 GMT", MORNING, id="two blanks, capitals, GMT"),
        pytest.param(b"Tue, 4 Mar 2025 04:11:12 EST", MORNING, id="a named zone"),
        pytest.param(b"4 March 2025 10:11:12 CET", MORNING, id="a whole month"),
        pytest.param(b"4-Mar-25 09:11:12", MORNING, id="hyphens, two digits, no zone"),
        pytest.param(b"4 Mar 125 09:11:12 Z", MORNING, id="three digits count from 1900"),
        pytest.param(b"4 Mar 2025 09:11:12 -0000", MORNING, id="-0000 is UTC"),
        pytest.param(b"4 Mar 2025 09:11:12 XYZ", MORNING, id="an unknown zone is UTC"),
        pytest.param(b"4 Mar 2025 09.11.12", MORNING, id="dots"),
        pytest.param(b"4 Mar 2025 02:26:12 -0645", MORNING, id="odd minutes west"),
        pytest.param(b"4 Mar 2025 09:11", MORNING.replace(second=0), id="no seconds"),
        pytest.param(b"4 Mar 2025 09:11:60 +0000", MORNING.replace(second=59), id="a leap second"),
        pytest.param(b"4 Mar 1999 09:11:12", MORNING.replace(year=1999), id="last century"),
        pytest.param(b"4 Mar 50 09:11:12", MORNING.replace(year=1950), id="50 is 1950"),
        pytest.param(b"4 Mar 49 09:11:12", MORNING.replace(year=2049), id="49 is 2049"),
    ],
)
def test_a_date_is_read_in_utc(body: bytes, moment: datetime) -> None:
    assert read_date(body) == moment


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"yesterday", id="words"),
        pytest.param(b"2025-03-04T10:11:12Z", id="ISO 8601"),
        pytest.param(b"31 Feb 2025 10:11:12", id="no such day"),
        pytest.param(b"4 Foo 2025 10:11:12", id="no such month"),
        pytest.param(b"4 Mar 2025 25:11:12", id="no such hour"),
        pytest.param(b"4 Mar 2025 10:61:12", id="no such minute"),
        pytest.param(b"4 Mar 0000 10:11:12", id="no such year"),
        pytest.param(b"4 Mar 2025 10:11:12 +9999", id="no such zone"),
        pytest.param(b"31 Dec 9999 23:59:59 -1200", id="past the end of the calendar"),
        pytest.param(b"x" * 200 + b"4 Mar 2025 10:11:12", id="too far behind"),
    ],
)
def test_what_names_no_time_is_none(body: bytes) -> None:
    assert read_date(body) is None


DATEISH = st.lists(st.sampled_from(b"4|Mar|2025|10|:|+|-|0100|9999| |,|.|CET|\xff|31|Dec".split(b"|"))).map(
    b"".join
)


@given(st.one_of(st.binary(), DATEISH))
def test_no_bytes_whatever_break_the_reader(body: bytes) -> None:
    found = read_date(body)

    assert found is None or found.tzinfo is UTC
