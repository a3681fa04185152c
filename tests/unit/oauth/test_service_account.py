"""A Google service account signs for whose mailbox it asks."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from postroom.config.masked import Secret
from postroom.config.oauth_settings import Flow
from postroom.errors import CredentialRejected
from postroom.oauth.client import Client
from tests.servers.identity import ASSERTION, IdentityProvider, new_rsa_key
from tests.unit.oauth.room import USER, Room


def pem(key: Any) -> str:
    content: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return content.decode()


@pytest.fixture(scope="module")
def key() -> Any:
    return new_rsa_key()


def client(room: Room, private_key: str) -> Client:
    key_file = {"client_email": "postroom@x.iam.gserviceaccount.com", "private_key": private_key}
    words = Secret(json.dumps(key_file | {"private_key_id": "k1"}, indent=2))
    return room.client(Flow.SERVICE_ACCOUNT, service_account=words, client_id="", client_secret=None)


def test_the_assertion_is_taken_for_the_user_that_it_names(
    provider: IdentityProvider, room: Room, key: Any
) -> None:
    provider.key = key

    token = client(room, pem(key)).renewed(None)

    assert provider.access[token.access.reveal()] == USER
    assert provider.grants() == [ASSERTION]
    assert set(provider.asked[0][1]) == {"grant_type", "assertion"}


def test_a_clock_that_is_wrong_is_blamed(provider: IdentityProvider, room: Room, key: Any) -> None:
    provider.key = key
    provider.mood.clock = timedelta(hours=3)

    with pytest.raises(CredentialRejected) as raised:
        client(room, pem(key)).renewed(None)

    assert "Invalid JWT" in str(raised.value)
    assert raised.value.fix == "the clock of this machine is 180 minutes slow: set it by NTP"


def test_a_domain_that_does_not_delegate_is_told_where_to_click(room: Room, key: Any) -> None:
    words = "Client is unauthorized to retrieve access tokens using this method, or client not authorized"
    room.provider.mood.says = (401, {"error": "unauthorized_client", "error_description": words})

    with pytest.raises(CredentialRejected) as raised:
        client(room, pem(key)).renewed(None)

    assert "under Domain-wide delegation" in raised.value.fix


NOT_RSA = pem(ec.generate_private_key(ec.SECP256R1()))


@pytest.mark.parametrize(
    "private_key",
    [
        pytest.param("", id="empty"),
        pytest.param("-----BEGIN PRIVATE KEY-----\nAAAA\n", id="damaged"),
        pytest.param(NOT_RSA, id="not RSA"),
    ],
)
def test_a_key_that_cannot_sign_is_told(provider: IdentityProvider, room: Room, private_key: str) -> None:
    with pytest.raises(CredentialRejected, match="no RSA private key that can be used") as raised:
        client(room, private_key).renewed(None)

    assert provider.asked == []
    assert "AAAA" not in f"{raised.value} {raised.value.__cause__}"
