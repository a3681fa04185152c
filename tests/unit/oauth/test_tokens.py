"""What is made of a token server's answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.config.masked import Secret
from postroom.errors import TokenServerFault
from postroom.oauth.tokens import Token, token_from

NOW = datetime(2025, 3, 4, 9, 0, tzinfo=UTC)
GIVEN = {"access_token": "a.b-c", "token_type": "Bearer", "expires_in": 3600}


def token(answer: dict[str, Any], before: Token | None = None, login_days: int | None = None) -> Token:
    return token_from(answer, now=NOW, before=before, login_days=login_days)


def hours(count: float) -> datetime:
    return NOW + timedelta(hours=count)


@pytest.mark.parametrize(
    ("seconds", "expires_at"),
    [
        pytest.param(3600, hours(1), id="a number"),
        pytest.param("7200", hours(2), id="a number as text"),
        pytest.param(None, NOW + timedelta(minutes=10), id="not said"),
        pytest.param(-1, NOW + timedelta(minutes=10), id="no sense"),
        pytest.param(True, NOW + timedelta(minutes=10), id="no number"),
        pytest.param(10**30, NOW + timedelta(days=3650), id="longer than any calendar"),
    ],
)
def test_a_token_ends_when_its_server_says(seconds: object, expires_at: datetime) -> None:
    assert token(GIVEN | {"expires_in": seconds}).expires_at == expires_at


@pytest.mark.parametrize(
    ("minutes", "due", "good"),
    [(0, False, True), (54, False, True), (55, True, True), (59, True, True), (60, True, False)],
)
def test_a_token_is_renewed_five_minutes_ahead(minutes: float, due: bool, good: bool) -> None:
    kept = token(GIVEN)
    now = NOW + timedelta(minutes=minutes)

    assert (kept.is_due(now), kept.is_good(now)) == (due, good)


def test_a_token_of_a_short_life_is_renewed_after_half_of_it() -> None:
    kept = token(GIVEN | {"expires_in": 60})

    assert not kept.is_due(NOW + timedelta(seconds=29))
    assert kept.is_due(NOW + timedelta(seconds=30))


def test_a_refresh_token_that_is_not_replaced_stays() -> None:
    first = token(GIVEN | {"refresh_token": "r1", "refresh_token_expires_in": 86400})

    second = token(GIVEN | {"access_token": "next"}, before=first)
    third = token(GIVEN | {"refresh_token": "r2"}, before=first)

    assert second.refresh == Secret("r1")
    assert second.ends_at == hours(24)
    assert (third.refresh, third.ends_at) == (Secret("r2"), None)


@pytest.mark.parametrize(
    ("answer", "login_days", "ends_at"),
    [
        pytest.param({"refresh_token_expires_in": 3600}, None, hours(1), id="as Google says it"),
        pytest.param({"refresh_expires_in": 7200}, None, hours(2), id="as Keycloak says it"),
        pytest.param({"refresh_expires_in": 0}, None, None, id="Keycloak: never"),
        pytest.param({}, 90, hours(90 * 24), id="Microsoft: 90 days"),
        pytest.param({}, None, None, id="nobody knows"),
    ],
)
def test_a_login_ends_when_its_server_says(
    answer: dict[str, Any], login_days: int | None, ends_at: datetime | None
) -> None:
    assert token(GIVEN | {"refresh_token": "r"} | answer, login_days=login_days).ends_at == ends_at


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param({}, id="empty"),
        pytest.param({"access_token": 7}, id="no text"),
        pytest.param({"access_token": "a\x01auth=Bearer other"}, id="what would break out of SASL"),
        pytest.param({"access_token": "a b"}, id="a blank"),
        pytest.param(GIVEN | {"token_type": "DPoP"}, id="another type"),
        pytest.param(GIVEN | {"refresh_token": "r\n"}, id="a refresh token with a line end"),
    ],
)
def test_what_is_no_token_is_refused(answer: dict[str, Any]) -> None:
    with pytest.raises(TokenServerFault):
        token(answer)


@given(st.dictionaries(st.sampled_from(["access_token", "expires_in", "refresh_token", "token_type"]),
                       st.none() | st.booleans() | st.floats() | st.integers() | st.text()))  # fmt: skip
def test_no_answer_whatever_breaks_it(answer: dict[str, Any]) -> None:
    try:
        found = token(answer)
    except TokenServerFault:
        return
    assert found.access.reveal()


def test_a_token_shows_itself_to_nobody() -> None:
    kept = token(GIVEN | {"refresh_token": "r-secret"})

    assert "a.b-c" not in repr(kept)
    assert "r-secret" not in f"{kept} {kept!r}"
