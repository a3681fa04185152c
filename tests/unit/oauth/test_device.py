"""The device flow waits as long as the server wants, and no longer than the code is good."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from postroom.config.oauth_settings import Flow
from postroom.errors import CredentialRejected, LoginNeeded, TokenServerFault
from postroom.oauth.device import begin, wait_for
from tests.servers.identity import Answer, IdentityProvider
from tests.unit.oauth.room import USER, Room

Pause = Callable[[float], object]


def test_a_person_is_told_where_to_go_and_what_to_enter(provider: IdentityProvider, room: Room) -> None:
    invitation = begin(room.client())

    assert (invitation.url, invitation.user_code) == (f"{provider.url}/enter", "ABCD-EFGH")
    assert (invitation.expires_at - room.now()).total_seconds() == 900
    assert "device-" not in repr(invitation)
    assert provider.asked == [
        ("/device", {"client_id": "postroom-client", "client_secret": "s3cret~of.the-client"}
         | {"scope": "mail offline_access"})
    ]  # fmt: skip


def test_it_asks_at_the_servers_pace(
    provider: IdentityProvider, room: Room, pause: Pause, pauses: list[float]
) -> None:
    pending = "authorization_pending"
    provider.devices["next"] = [pending, "slow_down", pending, (500, {}), pending, f"user:{USER}"]
    client = room.client()

    token = wait_for(client, begin(client), pause=pause)

    assert pauses == [1, 1, 6, 6, 12, 12]  # RFC 8628 3.5: five seconds more, and more where it is away
    assert provider.access[token.access.reveal()] == USER
    assert token.refresh is not None


@pytest.mark.parametrize(
    ("answers", "kind", "words"),
    [
        pytest.param(["access_denied"], CredentialRejected, "access_denied", id="declined"),
        pytest.param(["expired_token"], LoginNeeded, "nobody entered the code", id="too late"),
        pytest.param(
            [(200, {"access_token": "a"})], LoginNeeded, "gave no refresh token", id="without a refresh token"
        ),
    ],
)
def test_a_login_that_comes_to_nothing_says_why(
    room: Room, pause: Pause, answers: list[Answer | str], kind: type[Exception], words: str
) -> None:
    room.provider.devices["next"] = answers
    client = room.client()

    with pytest.raises(kind, match=words):
        wait_for(client, begin(client), pause=pause)


def test_the_wait_ends_with_the_code(room: Room) -> None:
    client = room.client()
    invitation = begin(client)

    with pytest.raises(LoginNeeded, match="nobody entered the code for orders in time"):
        wait_for(client, invitation, pause=lambda _seconds: room.later(minutes=6))

    assert len(room.provider.grants()) == 3


@pytest.mark.parametrize("fields", [{}, {"device_code": "d"}, {"device_code": 1, "user_code": "A"}])
def test_an_invitation_without_a_code_is_a_fault_of_the_server(room: Room, fields: dict[str, object]) -> None:
    room.provider.mood.says = (200, fields)

    with pytest.raises(TokenServerFault, match="invites nobody"):
        begin(room.client(Flow.DEVICE_CODE))


def test_a_client_that_may_not_use_the_flow_is_told(room: Room) -> None:
    room.provider.mood.says = (400, {"error": "unauthorized_client"})

    with pytest.raises(CredentialRejected, match="unauthorized_client"):
        begin(room.client())
