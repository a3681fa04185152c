"""Each grant asks once, with the words that the standards want, and a refusal says what to do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from postroom.config.masked import Secret
from postroom.config.oauth_settings import Flow
from postroom.errors import (
    CredentialRejected,
    LoginNeeded,
    PostroomError,
    TokenServerFault,
    TokenServerUnreachable,
)
from postroom.oauth.tokens import Token
from tests.servers.identity import CLIENT, CLIENT_SECRET, IdentityProvider
from tests.unit.oauth.room import USER, Room


def logged_in(room: Room, refresh: str) -> Token:
    """Return the token of a login that is an hour old."""
    now = room.now()
    return Token(Secret("old"), Secret(refresh), now - timedelta(hours=1), now, None)


def refusal(room: Room, says: dict[str, str], flow: Flow = Flow.CLIENT_CREDENTIALS) -> PostroomError:
    room.provider.mood.says = (400, says)
    with pytest.raises(PostroomError) as raised:
        room.client(flow).renewed(logged_in(room, "refresh-of-orders"))
    return raised.value


def test_a_program_asks_in_its_own_name(provider: IdentityProvider, room: Room) -> None:
    token = room.client(Flow.CLIENT_CREDENTIALS, scope=("https://mail.example/.default",)).renewed(None)

    assert provider.asked == [
        (
            "/token",
            {
                "client_id": CLIENT,
                "client_secret": CLIENT_SECRET,
                "grant_type": "client_credentials",
                "scope": "https://mail.example/.default",
            },
        )
    ]
    assert token.access.reveal() in provider.access
    assert token.refresh is None
    assert token.expires_at == room.now() + timedelta(hours=1)


def test_a_refresh_token_that_rotates_is_the_new_one(provider: IdentityProvider, room: Room) -> None:
    first = logged_in(room, provider.log_in(USER))

    second = room.client().renewed(first)
    third = room.client().renewed(second)

    assert second.refresh != first.refresh
    assert third.refresh != second.refresh
    assert provider.access[third.access.reveal()] == USER


def test_a_refresh_token_that_does_not_rotate_is_kept(provider: IdentityProvider, room: Room) -> None:
    provider.mood.rotates = False
    first = logged_in(room, provider.log_in(USER))

    assert room.client().renewed(first).refresh == first.refresh


def test_without_a_login_the_token_server_is_not_even_asked(provider: IdentityProvider, room: Room) -> None:
    with pytest.raises(LoginNeeded) as raised:
        room.client(Flow.AUTHORIZATION_CODE).renewed(None)

    assert raised.value.fix == "postroom oauth login orders"
    assert provider.asked == []


@pytest.mark.parametrize(
    ("description", "fix"),
    [
        ("AADSTS7000215: Invalid client secret provided.", "client_secret is not the secret's Value"),
        ("AADSTS7000222: The provided client secret keys are expired.", "the client secret has expired"),
        ("AADSTS700016: Application with identifier 'x' was not found", "no such app in this tenant"),
        ("AADSTS90002: Tenant 'acme.example' not found.", "there is no such tenant"),
        ("AADSTS65001: The user or administrator has not consented", "nobody consented"),
        ("AADSTS53003: Access has been blocked by Conditional Access", "a Conditional Access policy"),
    ],
)
def test_what_microsoft_says_is_translated(room: Room, description: str, fix: str) -> None:
    error = refusal(room, {"error": "invalid_client", "error_description": description})

    assert type(error) is CredentialRejected
    assert str(error) == f"the token server refused orders: invalid_client: {description}"
    assert error.fix.startswith(fix)


@pytest.mark.parametrize(
    "description",
    [
        "AADSTS700082: The refresh token has expired due to inactivity.",
        "AADSTS50173: The provided grant has expired due to it being revoked",
        "Token has been expired or revoked.",
    ],
)
def test_a_login_that_has_ended_needs_a_person(room: Room, description: str) -> None:
    says = {"error": "invalid_grant", "error_description": description}

    error = refusal(room, says, Flow.DEVICE_CODE)

    assert type(error) is LoginNeeded
    assert error.fix.endswith(": postroom oauth login orders")


@pytest.mark.parametrize("error", ["invalid_client", "invalid_scope", "unauthorized_client", "what_is_this"])
def test_every_refusal_has_a_way_out(room: Room, error: str) -> None:
    found = refusal(room, {"error": error})

    assert type(found) is CredentialRejected
    assert found.fix


def test_a_secret_that_the_server_repeats_is_not_passed_on(room: Room) -> None:
    says = {
        "error": "invalid_client",
        "error_description": f"{CLIENT_SECRET} and refresh-of-orders are wrong",
    }

    of_the_client = refusal(room, says)
    of_the_login = refusal(room, says, Flow.DEVICE_CODE)

    assert CLIENT_SECRET not in str(of_the_client)
    assert "refresh-of-orders" not in str(of_the_login)
    assert "********" in str(of_the_login)


def test_the_clock_is_blamed_where_it_is_wrong(room: Room) -> None:
    room.provider.mood.clock = timedelta(minutes=-30)

    error = refusal(
        room, {"error": "invalid_grant", "error_description": "Invalid JWT"}, Flow.CLIENT_CREDENTIALS
    )

    assert error.fix == "the clock of this machine is 30 minutes fast: set it by NTP"


@pytest.mark.parametrize(
    ("mood", "kind"),
    [
        pytest.param({"says": (500, {})}, TokenServerFault, id="500"),
        pytest.param({"raw": b"<html>", "says": (200, {})}, TokenServerFault, id="no JSON"),
        pytest.param({"says": (200, {"token_type": "Bearer"})}, TokenServerFault, id="no token"),
        pytest.param({"hangs": True}, TokenServerUnreachable, id="slow"),
    ],
)
def test_a_server_that_fails_is_no_refusal(room: Room, mood: dict[str, Any], kind: type[Exception]) -> None:
    for name, value in mood.items():
        setattr(room.provider.mood, name, value)

    with pytest.raises(PostroomError) as raised:
        room.client(Flow.CLIENT_CREDENTIALS, seconds=0.5 if "hangs" in mood else 20).renewed(None)

    assert type(raised.value) is kind


def test_another_client_or_user_is_another_account(room: Room) -> None:
    accounts = {
        room.client().account,
        room.client(client_id="other").account,
        room.client(scope=("mail",)).account,
        room.client(Flow.AUTHORIZATION_CODE).account,
    }

    assert len(accounts) == 4
    assert room.client().account in accounts
