"""A login by a browser: bound to this very request, on this machine alone."""

from __future__ import annotations

import threading
import urllib.request
from dataclasses import replace
from typing import Any
from urllib.error import HTTPError
from urllib.parse import parse_qs, urlsplit

import pytest

from postroom.config.oauth_settings import Flow
from postroom.errors import CredentialRejected, LoginNeeded, UsageFault
from postroom.oauth.authorization import Request, is_answer, request, token_of
from postroom.oauth.client import Client
from postroom.oauth.loopback import Listener
from tests.servers.identity import IdentityProvider
from tests.unit.oauth.room import USER, Room


@pytest.fixture
def client(room: Room) -> Client:
    return room.client(Flow.AUTHORIZATION_CODE)


def ask(client: Client, port: int = 9) -> tuple[Request, dict[str, str]]:
    asked = request(client.oauth, user=USER, port=port)
    return asked, {name: values[0] for name, values in parse_qs(urlsplit(asked.url).query).items()}


def test_a_request_says_what_the_standards_want(client: Client) -> None:
    asked, query = ask(client)

    assert asked.url.startswith(f"{client.oauth.authorize_url}?")
    assert query.pop("state") == asked.state.reveal()
    assert len(query.pop("code_challenge")) == 43
    assert query == {
        "response_type": "code",
        "client_id": "postroom-client",
        "redirect_uri": "http://127.0.0.1:9/",
        "scope": "mail offline_access",
        "code_challenge_method": "S256",
        "login_hint": USER,
    }
    assert asked.verifier.reveal() not in asked.url


def test_two_requests_have_nothing_in_common_that_could_be_guessed(client: Client) -> None:
    one, other = ask(client)[0], ask(client)[0]

    assert one.state != other.state
    assert one.verifier != other.verifier


def test_the_code_is_good_with_the_verifier_of_its_request(
    provider: IdentityProvider, client: Client
) -> None:
    asked, query = ask(client)
    answer = provider.authorize(query)

    token = token_of(client, asked, answer)

    assert provider.access[token.access.reveal()] == USER
    assert token.refresh is not None


def test_the_code_of_another_request_is_refused_by_the_provider(
    provider: IdentityProvider, client: Client
) -> None:
    asked, query = ask(client)
    other, _ = ask(client)
    answer = provider.authorize(query)

    with pytest.raises(LoginNeeded, match="invalid_grant"):
        token_of(client, replace(asked, verifier=other.verifier), answer)


@pytest.mark.parametrize(
    "address", ["/?code=c", "/?code=c&state=guessed", "", "/?state=%00", "http://[", "?state=ä"]
)
def test_what_does_not_fit_the_request_is_no_answer(client: Client, address: str) -> None:
    asked, _ = ask(client)

    assert not is_answer(asked, address)
    with pytest.raises(LoginNeeded, match="no answer to this login"):
        token_of(client, asked, address)


def test_a_person_who_declines_is_told_so(provider: IdentityProvider, client: Client) -> None:
    asked, _ = ask(client)
    answer = f"/?error=access_denied&error_description=not+today&state={asked.state.reveal()}"

    with pytest.raises(CredentialRejected) as raised:
        token_of(client, asked, answer)

    assert str(raised.value) == "the login for orders was declined: access_denied: not today"
    assert provider.asked == []


# --- the browser comes back ----------------------------------------------------------------------


def visit(url: str) -> int:
    """Return the status that a browser gets."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:  # noqa: S310  (http, of our own)
            return int(answer.status)
    except HTTPError as error:
        error.close()
        return error.code


def listening(listener: Listener, fits: Any, seconds: float = 20) -> tuple[threading.Thread, list[str]]:
    found: list[str] = []
    thread = threading.Thread(target=lambda: found.append(listener.answer(fits, seconds=seconds)))
    thread.start()
    return thread, found


def test_the_browser_brings_the_answer_and_strangers_are_sent_away(client: Client) -> None:
    listener = Listener()
    asked, _ = ask(client, listener.port)
    thread, found = listening(listener, lambda address: is_answer(asked, address))

    stranger = visit(f"http://127.0.0.1:{listener.port}/?code=forged&state=forged")
    browser = visit(f"{client.oauth.authorize_url}?{urlsplit(asked.url).query}")
    thread.join(20)
    listener.close()

    assert (stranger, browser) == (404, 200)
    assert token_of(client, asked, found[0]).refresh is not None


def test_a_browser_that_does_not_come_is_not_waited_for_for_ever() -> None:
    listener = Listener()

    with pytest.raises(LoginNeeded, match="no browser brought the answer in time"):
        listener.answer(lambda _address: True, seconds=0.1)
    listener.close()


def test_a_port_that_is_taken_is_said() -> None:
    listener = Listener()

    with pytest.raises(UsageFault, match=f"cannot listen on 127.0.0.1:{listener.port}"):
        Listener(listener.port)
    listener.close()
