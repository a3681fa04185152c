"""A token server is asked in bounded time, and each failure is told for what it is."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from postroom.errors import TokenServerFault, TokenServerUnreachable
from postroom.oauth.endpoint import ask
from tests.servers.certificates import make_certificates
from tests.servers.identity import IdentityProvider
from tests.servers.waiting import free_port

FORM = {"grant_type": "client_credentials", "client_secret": "hush"}


def test_a_refusal_is_an_answer(provider: IdentityProvider) -> None:
    provider.mood.says = (400, {"error": "invalid_client", "error_description": "AADSTS7000215:\r\n wrong"})

    reply = ask(f"{provider.url}/token", FORM, tls_ca=None)

    assert (reply.error, reply.description) == ("invalid_client", "AADSTS7000215: wrong")
    assert provider.asked == [("/token", FORM)]


def test_the_servers_own_clock_is_told(provider: IdentityProvider) -> None:
    provider.mood.clock = timedelta(hours=2)
    provider.mood.says = (400, {"error": "invalid_grant"})

    told = ask(f"{provider.url}/token", FORM, tls_ca=None).told_at

    assert told is not None
    assert timedelta(minutes=119) < told - datetime.now(UTC) < timedelta(minutes=121)


@pytest.mark.parametrize(
    ("status", "fields", "words"),
    [
        pytest.param(500, {}, "it is overloaded or broken: status 500", id="500"),
        pytest.param(503, {"error": "server_error"}, "it is overloaded or broken: status 503", id="503"),
        pytest.param(429, {"error": "slow_down"}, "it is overloaded or broken: status 429", id="too often"),
        pytest.param(404, {}, "status 404 without a reason", id="no such page"),
        pytest.param(400, {"error": "temporarily_unavailable"}, "status 400 without", id="not now"),
    ],
)
def test_a_server_that_fails_refuses_nobody(
    provider: IdentityProvider, status: int, fields: dict[str, str], words: str
) -> None:
    provider.mood.says = (status, fields)

    with pytest.raises(TokenServerFault) as raised:
        ask(f"{provider.url}/token", FORM, tls_ca=None)

    assert words in str(raised.value)
    assert raised.value.fix


@pytest.mark.parametrize("raw", [b"<html>Sign in</html>", b"", b"[1]", b'{"access_token": ', b"[" * 100_000])
def test_what_is_no_json_object_is_no_answer(provider: IdentityProvider, raw: bytes) -> None:
    provider.mood.says, provider.mood.raw = (200, {}), raw

    with pytest.raises(TokenServerFault, match="its answer is no JSON object"):
        ask(f"{provider.url}/token", FORM, tls_ca=None)


def test_an_answer_without_end_is_given_up(provider: IdentityProvider) -> None:
    provider.mood.raw = b'{"access_token": "' + b"a" * 300_000 + b'"}'

    with pytest.raises(TokenServerFault, match="does not end"):
        ask(f"{provider.url}/token", FORM, tls_ca=None)


def test_a_redirect_carries_no_secret_elsewhere(provider: IdentityProvider) -> None:
    provider.mood.redirects = True

    with pytest.raises(TokenServerFault, match="status 307"):
        ask(f"{provider.url}/token", FORM, tls_ca=None)

    assert [path for path, _form in provider.asked] == ["/token"]


def test_a_server_that_says_nothing_is_given_up(provider: IdentityProvider) -> None:
    provider.mood.hangs = True

    with pytest.raises(TokenServerUnreachable, match="no answer in time"):
        ask(f"{provider.url}/token", FORM, tls_ca=None, seconds=0.3)


def test_an_answer_that_drips_in_is_given_up(provider: IdentityProvider) -> None:
    provider.mood.says, provider.mood.drips = (200, {"access_token": "a"}), True

    with pytest.raises(TokenServerUnreachable, match=r"drips in too slowly|no answer in time"):
        ask(f"{provider.url}/token", FORM, tls_ca=None, seconds=0.5)


def test_a_port_where_nobody_listens_is_a_matter_of_the_network() -> None:
    port = free_port()

    with pytest.raises(TokenServerUnreachable) as raised:
        ask(f"http://127.0.0.1:{port}/token", FORM, tls_ca=None)

    assert str(raised.value).startswith(f"cannot reach the token server 127.0.0.1:{port}: ")
    assert "hush" not in f"{raised.value} {raised.value.__cause__!r}"


def test_a_name_that_nobody_knows_is_a_matter_of_the_network() -> None:
    with pytest.raises(TokenServerUnreachable) as raised:
        ask("https://id.nowhere.invalid/token", FORM, tls_ca=None)

    assert str(raised.value).endswith("id.nowhere.invalid: its name cannot be resolved")


@contextmanager
def over_tls(folder: Path) -> Iterator[tuple[str, Path]]:
    """Run a server behind TLS; yield its address and the CA that signed its certificate."""
    certificates = make_certificates(folder)
    server = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server, certificates.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"https://localhost:{server.server_port}/token", certificates.ca
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_certificate_is_checked_against_the_ca_that_was_named(tmp_path: Path) -> None:
    with over_tls(tmp_path) as (url, ca):
        with pytest.raises(TokenServerUnreachable, match="no TLS: ") as stranger:
            ask(url, FORM, tls_ca=None)
        with pytest.raises(TokenServerFault, match="status 501"):  # it was spoken to
            ask(url, FORM, tls_ca=ca)

    assert stranger.value.fix == "set oauth.tls_ca where the CA is your own"


def test_a_ca_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(TokenServerUnreachable, match=r"cannot read oauth\.tls_ca .*none\.pem: No such file"):
        ask("https://localhost/token", FORM, tls_ca=tmp_path / "none.pem")
