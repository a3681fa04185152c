"""A token instead of a password: what a real Dovecot and the odd servers of the world make of it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from postroom.config.masked import Secret
from postroom.config.oauth_settings import Flow, Mechanism, OAuth
from postroom.config.settings import Mailbox, Tls
from postroom.core.limits import DEFAULT_LIMITS
from postroom.errors import (
    CredentialRejected,
    LoginRefused,
    ServerFault,
    SessionRefused,
    SourceUnavailable,
    TokenServerUnreachable,
)
from postroom.fetcher.imap import ImapSource
from postroom.fetcher.probe import probe
from tests.mailbox import mail
from tests.servers.dovecot import Dovecot
from tests.servers.fixtures import fresh_mailbox, running_dovecot
from tests.servers.identity import IdentityProvider
from tests.servers.memory import MemoryInRam
from tests.servers.scripted_imap import ScriptedImap, scripted_imap
from tests.unit.oauth.room import oauth_of

NOT_CONNECTED = "BAD User is authenticated but not connected."


class Tokens:
    """The tokens of one mailbox, in the order in which they are given."""

    def __init__(self, *tokens: str) -> None:
        self.left = [Secret(token) for token in tokens]
        self.refused: list[Secret] = []

    def token(self) -> Secret:
        return self.left[0]

    def another(self, refused: Secret) -> Secret | None:
        self.refused.append(refused)
        self.left.pop(0)
        return self.left[0] if self.left else None


class NoTokens(Tokens):
    """The token server is away, or refuses."""

    def __init__(self, error: SourceUnavailable) -> None:
        super().__init__()
        self.error = error

    def token(self) -> Secret:
        raise self.error


def oauth(mechanism: Mechanism = Mechanism.AUTO, flow: Flow = Flow.CLIENT_CREDENTIALS) -> OAuth:
    return oauth_of(IdentityProvider(), flow, mechanism=mechanism)


@pytest.fixture
def mailbox(token_dovecot: Dovecot, provider: IdentityProvider) -> Mailbox:
    """Return a mailbox with one mail, which "good" is the token of."""
    box = replace(fresh_mailbox(token_dovecot), password=None, oauth=oauth())
    token_dovecot.deliver(box.user, mail())
    provider.access["good"] = box.user
    return box


def taken(mailbox: Mailbox, tokens: Tokens, spool: Path) -> int:
    source = ImapSource(mailbox, spool, DEFAULT_LIMITS, bearer=tokens)
    try:
        return sum(len(batch.fetched) for batch in source.batches(MemoryInRam(), limit=9))
    finally:
        source.close()


def fault(mailbox: Mailbox, tokens: Tokens, spool: Path) -> SourceUnavailable:
    shown = [token.reveal() for token in tokens.left]
    with pytest.raises(SourceUnavailable) as raised:
        taken(mailbox, tokens, spool)
    for token in shown:
        assert token not in f"{raised.value} {raised.value.fix} {raised.value.__cause__}"
    return raised.value


# --- a real server -------------------------------------------------------------------------------


@pytest.mark.dovecot
@pytest.mark.parametrize("mechanism", Mechanism)
def test_a_token_opens_the_mailbox(
    token_dovecot: Dovecot, mailbox: Mailbox, tmp_path: Path, mechanism: Mechanism
) -> None:
    box = replace(mailbox, oauth=oauth(mechanism))

    count = taken(box, Tokens("good"), tmp_path)

    used = "OAUTHBEARER" if mechanism is Mechanism.AUTO else mechanism.upper()
    assert count == 1
    assert f"user=<{box.user}>, method={used}, " in token_dovecot.log()


@pytest.mark.dovecot
@pytest.mark.parametrize(
    ("mechanism", "status"), [(Mechanism.XOAUTH2, "401"), (Mechanism.OAUTHBEARER, "invalid_token")]
)
def test_a_token_that_is_good_for_nothing_is_a_refused_credential(
    mailbox: Mailbox, tmp_path: Path, mechanism: Mechanism, status: str
) -> None:
    error = fault(replace(mailbox, oauth=oauth(mechanism)), Tokens("forged-token"), tmp_path)

    assert type(error) is LoginRefused
    assert f"({mailbox.user}): token refused: server said " in str(error)
    assert str(error).endswith(f", status '{status}'")


@pytest.mark.dovecot
def test_a_token_of_another_user_opens_nothing(
    mailbox: Mailbox, provider: IdentityProvider, tmp_path: Path
) -> None:
    provider.access["of-another"] = "somebody-else"

    error = fault(mailbox, Tokens("of-another"), tmp_path)

    assert type(error) is LoginRefused
    assert mailbox.user in error.fix


@pytest.mark.dovecot
def test_a_token_that_ended_too_early_is_replaced_on_the_spot(mailbox: Mailbox, tmp_path: Path) -> None:
    tokens = Tokens("ended-by-another-clock", "good")

    count = taken(mailbox, tokens, tmp_path)

    assert count == 1
    assert tokens.refused == [Secret("ended-by-another-clock")]


@pytest.mark.dovecot
def test_too_many_connections_are_no_refused_credential(provider: IdentityProvider, tmp_path: Path) -> None:
    with running_dovecot(introspection=f"{provider.url}/introspect", connections=1) as server:
        box = replace(fresh_mailbox(server), password=None, oauth=oauth())
        server.deliver(box.user, mail())
        provider.access["good"] = box.user
        first = ImapSource(box, tmp_path / "first", DEFAULT_LIMITS, bearer=Tokens("good"))
        next(first.batches(MemoryInRam(), limit=9))
        error = fault(box, Tokens("good"), tmp_path / "second")
        first.close()

    assert type(error) is SessionRefused
    assert "Maximum number of connections" in str(error)
    assert error.fix.startswith("close other programs")


@pytest.mark.dovecot
def test_the_way_in_has_a_step_for_the_token(mailbox: Mailbox) -> None:
    steps = list(probe(mailbox, Tokens("good")))

    assert [step.name for step in steps] == [
        "DNS",
        "TCP",
        "TLS",
        "token",
        "login",
        "folders",
        "after",
        "mails",
    ]
    assert [step.error for step in steps] == [None] * 8


@pytest.mark.dovecot
def test_no_log_whatever_shows_a_token(
    mailbox: Mailbox, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)

    taken(mailbox, Tokens("forged-token", "good"), tmp_path)

    printed = capfd.readouterr()
    assert "forged-token" not in caplog.text + printed.out + printed.err
    assert "good" not in caplog.text + printed.out + printed.err


# --- servers with a temper -----------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[ScriptedImap]:
    with scripted_imap() as running:
        yield running


def odd(server: ScriptedImap, mechanism: Mechanism = Mechanism.XOAUTH2, **changes: Flow) -> Mailbox:
    return replace(server.mailbox, password=None, oauth=oauth(mechanism, **changes))


def test_what_is_said_is_what_the_standards_want(server: ScriptedImap, tmp_path: Path) -> None:
    taken(odd(server), Tokens("t1"), tmp_path)
    strange = replace(odd(server, Mechanism.OAUTHBEARER), user="a=b,c@acme.example")
    taken(strange, Tokens("t2"), tmp_path)

    port = strange.port
    assert server.told == [
        b"user=orders\x01auth=Bearer t1\x01\x01",
        b"n,a=a=3Db=2Cc@acme.example,\x01host=127.0.0.1\x01port=%d\x01auth=Bearer t2\x01\x01" % port,
    ]


@pytest.mark.parametrize(
    ("mechanism", "farewell"), [(Mechanism.XOAUTH2, b""), (Mechanism.OAUTHBEARER, b"\x01")]
)
def test_a_reason_is_answered_and_told(
    server: ScriptedImap, tmp_path: Path, mechanism: Mechanism, farewell: bytes
) -> None:
    server.challenge = b'{"status":"400","schemes":"Bearer","scope":"https://mail.google.com/"}'
    server.says["AUTHENTICATE"] = "NO [AUTHENTICATIONFAILED] Invalid credentials (Failure)"

    error = fault(odd(server, mechanism), Tokens("t1"), tmp_path)

    assert type(error) is LoginRefused
    assert str(error).endswith("'[AUTHENTICATIONFAILED] Invalid credentials (Failure)', status '400'")
    assert server.told[1:] == [farewell]


@pytest.mark.parametrize(
    ("verb", "words"),
    [
        pytest.param("SELECT", NOT_CONNECTED, id="Microsoft 365 at SELECT"),
        pytest.param("EXAMINE", NOT_CONNECTED, id="Microsoft 365 at EXAMINE"),
        pytest.param("AUTHENTICATE", "NO [ALERT] Too many simultaneous connections. (Failure)", id="Gmail"),
        pytest.param("AUTHENTICATE", "NO [LIMIT] Sessions", id="RFC 5530"),
        pytest.param("AUTHENTICATE", "BAD Request is throttled. Session limit reached", id="Exchange"),
    ],
)
def test_a_session_that_is_refused_is_no_refused_credential(
    server: ScriptedImap, tmp_path: Path, verb: str, words: str
) -> None:
    server.says[verb] = words
    server.says["SELECT"] = server.says.get("EXAMINE", "OK done")

    error = fault(odd(server), Tokens("t1"), tmp_path) if verb != "SELECT" else probed(server, words)

    assert type(error) is SessionRefused
    assert (error.code, int(error.exit)) == ("E-IMAP-SESSION", 75)


def probed(server: ScriptedImap, words: str) -> SourceUnavailable:
    """Return what the last step of the way in says."""
    server.says |= {"SELECT": words, "EXAMINE": words}
    *_, last = list(probe(odd(server), Tokens("t1")))
    assert isinstance(last.error, SourceUnavailable)
    return last.error


@pytest.mark.parametrize(
    ("flow", "words"),
    [
        (Flow.CLIENT_CREDENTIALS, "Add-MailboxPermission for the app's service principal"),
        (Flow.DEVICE_CODE, "log in as orders, or give that login Full Access to it"),
    ],
)
def test_authenticated_but_not_connected_says_how_to_get_the_right(
    server: ScriptedImap, tmp_path: Path, flow: Flow, words: str
) -> None:
    server.says["EXAMINE"] = NOT_CONNECTED

    error = fault(odd(server, flow=flow), Tokens("t1"), tmp_path)

    assert words in error.fix
    assert "User is authenticated but not connected." in str(error)


@pytest.mark.parametrize("words", ["NO [UNAVAILABLE] try later", "NO [SERVERBUG] oops"])
def test_a_server_that_cannot_say_just_now_refuses_nobody(
    server: ScriptedImap, tmp_path: Path, words: str
) -> None:
    server.says["AUTHENTICATE"] = words

    assert type(fault(odd(server), Tokens("t1"), tmp_path)) is ServerFault


@pytest.mark.parametrize("error", [CredentialRejected("no"), TokenServerUnreachable("away")])
def test_without_a_token_no_mail_server_is_bothered(
    server: ScriptedImap, tmp_path: Path, error: SourceUnavailable
) -> None:
    server.says["AUTHENTICATE"] = "OK done"

    assert fault(odd(server), NoTokens(error), tmp_path) is error
    assert server.told == []


def test_a_token_is_not_sent_unencrypted_over_a_network(server: ScriptedImap, tmp_path: Path) -> None:
    box = odd(server)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("postroom.fetcher.imap_login.is_loopback", lambda _client: False)
        error = fault(box, Tokens("t1"), tmp_path)

    assert box.tls is Tls.OFF
    assert "the token is not sent unencrypted over a network" in str(error)
    assert server.told == []
