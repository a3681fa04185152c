"""What is said when the way into a mailbox is barred: which step, where, as whom, and the way out."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from postroom.config.masked import Secret
from postroom.config.settings import Mailbox, Tls
from postroom.core.limits import DEFAULT_LIMITS
from postroom.errors import (
    ConnectFailed,
    DnsFailed,
    FolderRefused,
    LoginRefused,
    ServerFault,
    SourceUnavailable,
    TlsFailed,
)
from postroom.fetcher.imap import ImapSource
from postroom.fetcher.imap_open import open_client, tls_context
from postroom.fetcher.probe import probe
from tests.servers.certificates import make_certificates
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.fixtures import fresh_mailbox
from tests.servers.imap_server import ImapServer
from tests.servers.memory import MemoryInRam
from tests.servers.waiting import free_port


@pytest.fixture
def mailbox(imap_server: ImapServer) -> Mailbox:
    return fresh_mailbox(imap_server)


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    """Return a CA that signed nothing of ours."""
    return make_certificates(tmp_path).ca


def poll(mailbox: Mailbox, spool: Path) -> int:
    source = ImapSource(mailbox, spool, DEFAULT_LIMITS)
    try:
        return sum(len(batch.fetched) for batch in source.batches(MemoryInRam(), limit=9))
    finally:
        source.close()


def fault(mailbox: Mailbox, spool: Path) -> SourceUnavailable:
    with pytest.raises(SourceUnavailable) as raised:
        poll(mailbox, spool)
    assert PASSWORD not in str(raised.value)
    return raised.value


def test_a_certificate_of_an_unknown_ca_is_refused(mailbox: Mailbox, stranger: Path, tmp_path: Path) -> None:
    error = fault(replace(mailbox, tls_ca=stranger), tmp_path)

    assert type(error) is TlsFailed
    assert f"no TLS with localhost:{mailbox.port}: " in str(error)
    assert "tls_ca" in error.fix


def test_a_tls_ca_that_was_replaced_is_read_again(mailbox: Mailbox, stranger: Path, tmp_path: Path) -> None:
    renewed = replace(mailbox, tls_ca=stranger)
    before = fault(renewed, tmp_path)

    assert mailbox.tls_ca is not None
    stranger.write_bytes(mailbox.tls_ca.read_bytes())
    after = poll(renewed, tmp_path)

    assert type(before) is TlsFailed
    assert after == 0


def test_the_cas_are_read_once_for_all_mailboxes(mailbox: Mailbox) -> None:
    another = replace(mailbox, name="another", host="imap.example")

    assert tls_context(mailbox) is tls_context(another)
    assert tls_context(mailbox) is not tls_context(replace(mailbox, tls_verify=False))


def test_without_tls_ca_only_the_system_is_trusted(mailbox: Mailbox, tmp_path: Path) -> None:
    error = fault(replace(mailbox, tls_ca=None), tmp_path)

    assert type(error) is TlsFailed
    assert "self-signed certificate" in str(error) or "unable to get local issuer" in str(error)


def test_a_certificate_for_another_name_is_refused(mailbox: Mailbox, tmp_path: Path) -> None:
    error = fault(replace(mailbox, host="127.0.0.1"), tmp_path)

    assert type(error) is TlsFailed
    assert "certificate is not valid for '127.0.0.1'" in str(error)


def test_a_tls_ca_that_is_no_certificate_is_named(mailbox: Mailbox, tmp_path: Path) -> None:
    error = fault(replace(mailbox, tls_ca=tmp_path / "none.pem"), tmp_path)

    assert type(error) is TlsFailed
    assert f"cannot read tls_ca {tmp_path}/none.pem: No such file or directory" in str(error)


def test_a_server_without_verification_is_taken_as_it_is(
    mailbox: Mailbox, stranger: Path, tmp_path: Path
) -> None:
    assert poll(replace(mailbox, tls_ca=stranger, tls_verify=False), tmp_path) == 0


@pytest.mark.needs("STARTTLS")
def test_starttls_encrypts_and_verifies(
    imap_server: ImapServer, mailbox: Mailbox, stranger: Path, tmp_path: Path
) -> None:
    over_starttls = replace(mailbox, port=imap_server.port, tls=Tls.STARTTLS)

    polled = poll(over_starttls, tmp_path)
    error = fault(replace(over_starttls, tls_ca=stranger), tmp_path)

    assert polled == 0
    assert type(error) is TlsFailed


def test_implicit_tls_on_a_plain_port_is_told_as_a_tls_fault(
    imap_server: ImapServer, mailbox: Mailbox, tmp_path: Path
) -> None:
    error = fault(replace(mailbox, port=imap_server.port), tmp_path)

    assert type(error) is TlsFailed
    assert 'port 143 tls = "starttls"' in error.fix


def test_no_tls_is_taken_on_this_machine(imap_server: ImapServer, mailbox: Mailbox, tmp_path: Path) -> None:
    assert poll(replace(mailbox, port=imap_server.port, tls=Tls.OFF), tmp_path) == 0


@pytest.mark.needs("a log")
def test_no_password_goes_unencrypted_over_a_network(
    dovecot: Dovecot, mailbox: Mailbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("postroom.fetcher.imap_login.is_loopback", lambda _: False)

    error = fault(replace(mailbox, port=dovecot.port, tls=Tls.OFF), tmp_path)

    assert type(error) is LoginRefused
    assert "not sent unencrypted" in str(error)
    assert f"Login: user=<{mailbox.user}>" not in dovecot.log()


@pytest.mark.parametrize(
    "password",
    [
        pytest.param('wr"ong\\', id="quotes"),
        pytest.param("fälsch", id="not ASCII"),
        pytest.param("", id="empty"),
    ],
)
def test_a_wrong_password_is_told_in_the_servers_words(
    mailbox: Mailbox, tmp_path: Path, password: str
) -> None:
    error = fault(replace(mailbox, password=Secret(password)), tmp_path)

    assert type(error) is LoginRefused
    assert f"localhost:{mailbox.port} ({mailbox.user}): login refused: server said '" in str(error)
    assert "app password" in error.fix


@pytest.mark.parametrize(
    "password",
    [
        pytest.param("grüße", marks=pytest.mark.needs("AUTH=PLAIN")),
        'a "quoted\\ one',
        "with {3} braces",
    ],
)
def test_any_password_that_a_person_can_type_gets_in(
    imap_server: ImapServer, mailbox: Mailbox, tmp_path: Path, password: str
) -> None:
    user = f"{mailbox.user}-anew"
    imap_server.add_user(user, password)

    assert poll(replace(mailbox, user=user, password=Secret(password)), tmp_path) == 0


def test_a_dead_port_is_told_with_host_and_port(mailbox: Mailbox, tmp_path: Path) -> None:
    port = free_port()

    error = fault(replace(mailbox, port=port), tmp_path)

    assert type(error) is ConnectFailed
    assert str(error) == f"cannot connect to localhost:{port}: Connection refused"


def test_a_host_that_is_not_there_is_told(mailbox: Mailbox, tmp_path: Path) -> None:
    error = fault(replace(mailbox, host="no-such-host.invalid"), tmp_path)

    assert type(error) is DnsFailed
    assert "cannot resolve no-such-host.invalid: " in str(error)
    assert "`host`" in error.fix


def test_a_folder_that_is_not_there_is_told(mailbox: Mailbox, tmp_path: Path) -> None:
    error = fault(replace(mailbox, folders=("Rechnungen/Größe",)), tmp_path)

    assert type(error) is FolderRefused
    assert "'Rechnungen/Größe'" in str(error)
    assert "postroom check --connect" in error.fix


def test_something_that_is_no_imap_server_is_told(mailbox: Mailbox, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        greet_once(listener, b"220 mail.example ESMTP\r\n")

        error = fault(replace(mailbox, host="127.0.0.1", port=port, tls=Tls.OFF), tmp_path)

    assert type(error) is ServerFault
    assert "no IMAP greeting" in str(error)


def greet_once(listener: socket.socket, words: bytes) -> None:
    """Answer the next connection with `words` and hang up, in a thread of its own."""

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(words)

    threading.Thread(target=serve, daemon=True).start()


def test_the_library_does_not_format_every_mail_for_a_debug_log(mailbox: Mailbox) -> None:
    client = open_client(mailbox)

    quiet = client._imap.debug  # noqa: SLF001 - the switch has no public name; without it reading is four times slower
    client.shutdown()

    assert quiet == 0


# --- the probe -----------------------------------------------------------------------------------


def test_the_probe_tells_every_step(imap_server: ImapServer, mailbox: Mailbox) -> None:
    imap_server.deliver(mailbox.user, b"Subject: one\n\n")

    steps = list(probe(mailbox))

    assert [(step.name, step.error) for step in steps] == [
        ("DNS", None),
        ("TCP", None),
        ("TLS", None),
        ("login", None),
        ("folders", None),
        ("after", None),
        ("mails", None),
    ]
    assert steps[1].words.startswith(f"{mailbox.port} in ")
    assert steps[2].words == "TLS 1.3, certificate valid"
    assert steps[4].words == "INBOX (1 mails); it shows INBOX"
    assert imap_server.flags(mailbox.user) == [""]


@pytest.mark.parametrize(
    ("change", "name", "kind"),
    [
        pytest.param(lambda box: replace(box, host="no-such-host.invalid"), "DNS", DnsFailed, id="DNS"),
        pytest.param(lambda box: replace(box, port=free_port()), "TCP", ConnectFailed, id="TCP"),
        pytest.param(lambda box: replace(box, tls_ca=None), "TLS", TlsFailed, id="TLS"),
        pytest.param(lambda box: replace(box, password=Secret("wrong")), "login", LoginRefused, id="login"),
        pytest.param(lambda box: replace(box, folders=("Nix",)), "folders", FolderRefused, id="folders"),
    ],
)
def test_the_probe_ends_at_the_step_that_fails(
    mailbox: Mailbox, change: Callable[[Mailbox], Mailbox], name: str, kind: type[SourceUnavailable]
) -> None:
    *well, last = list(probe(change(mailbox)))

    assert [step.error for step in well] == [None] * len(well)
    assert last.name == name
    assert type(last.error) is kind
    assert last.error.fix
