"""`check --connect` and `init` before a real mailbox: each step said, nothing changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroom.config.settings import Mailbox
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.fixtures import fresh_mailbox
from tests.unit.cli.words import Terminal

pytestmark = pytest.mark.dovecot


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(tmp_path, monkeypatch, capsys)


def configured(terminal: Terminal, mailbox: Mailbox, password: str = PASSWORD, more: str = "") -> None:
    terminal.write(
        f'[org.acme]\n[mailbox.orders]\norg = "acme"\nhost = "localhost"\nport = {mailbox.port}\n'
        f'user = "{mailbox.user}"\npassword = "{password}"\ntls_ca = "{mailbox.tls_ca}"\n{more}'
    )


def test_a_mailbox_that_works_is_ok_at_every_step(terminal: Terminal, dovecot: Dovecot) -> None:
    configured(terminal, fresh_mailbox(dovecot))

    answer = terminal.call("check", "--connect")

    steps = [line.split()[:2] for line in answer.out.splitlines() if line.startswith(" ")]
    assert answer.code == 0
    assert steps[:8] == [
        ["ok", step] for step in ("DNS", "TCP", "TLS", "login", "folders", "after", "mails", "org")
    ]


def test_a_folder_to_move_to_that_is_not_there_is_no_fault(terminal: Terminal, dovecot: Dovecot) -> None:
    more = 'after = { action = "move", folder = "Erledigt" }\n'
    configured(terminal, fresh_mailbox(dovecot), more=more)

    answer = terminal.call("check", "--connect")

    assert answer.code == 0
    assert ' ok   after    move to "Erledigt": not there yet, the first mail makes it\n' in answer.out


def test_a_refused_login_is_77_and_shows_no_password(terminal: Terminal, dovecot: Dovecot) -> None:
    configured(terminal, fresh_mailbox(dovecot), password="not the one")

    answer = terminal.call("check", "--connect")

    assert answer.code == 77
    assert " FAIL login " in answer.out
    assert "[E-IMAP-AUTH]\n      Fix: " in answer.out
    assert "\n      More: postroom help E-IMAP-AUTH\n" in answer.out
    assert "not the one" not in answer.out + answer.err


def test_a_folder_that_is_not_there_comes_with_those_that_are(terminal: Terminal, dovecot: Dovecot) -> None:
    configured(terminal, fresh_mailbox(dovecot), more='folder = "Inbocks"\n')

    answer = terminal.call("check", "--connect")

    assert answer.code == 69
    assert "[E-IMAP-FOLDER]\n      Fix: the server shows these folders: INBOX" in answer.out


def test_init_tests_the_mailbox_and_writes_what_check_accepts(terminal: Terminal, dovecot: Dovecot) -> None:
    mailbox = fresh_mailbox(dovecot)
    terminal.write(PASSWORD, name="pw")

    answer = terminal.call(
        "init", "--yes", "--host", "localhost", "--port", str(mailbox.port), "--user", mailbox.user,
        "--password-file", "pw", "--tls-ca", str(mailbox.tls_ca), "--org", "acme",
    )  # fmt: skip

    assert answer.code == 0
    assert " ok   login " in answer.out
    assert "Nothing was changed in the mailbox." in answer.out
    assert terminal.call("check", "--connect").code == 0
