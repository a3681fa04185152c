"""What cron's mail says: what a person is needed for, once, and once more when it is over."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from postroom import maildir
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.fixtures import fresh_mailbox
from tests.servers.waiting import free_port
from tests.unit.cli.words import Answer, Terminal

pytestmark = pytest.mark.dovecot

NOBODYS = b"Delivered-To: orders+nobody@in.test\nReceived: by b\nMessage-ID: <%d@b.test>\n\nhi\n"


class Cron:
    """A postroom with a mailbox and a Maildir, of which cron mails what a round prints."""

    def __init__(self, terminal: Terminal, dovecot: Dovecot) -> None:
        self.call, self._write, self._state = terminal.call, terminal.write, terminal.state_dir
        self._dovecot, self._mailbox = dovecot, fresh_mailbox(dovecot)
        self.maildir = terminal.folder / "Maildir"
        maildir.create(self.maildir)
        self.configure()

    def configure(self, *, password: str = PASSWORD, port: int = 0) -> None:
        """Change how the mailbox is opened."""
        self._write(
            f'[org.acme]\n[mailbox.orders]\nhost = "localhost"\n'
            f'port = {port or self._mailbox.port}\nuser = "{self._mailbox.user}"\npassword = "{password}"\n'
            f'tls_ca = "{self._mailbox.tls_ca}"\norg = "acme"\n'
            f'[maildir.intake]\npath = "{self.maildir}"\n[orgs]\naddress = "orders+{{org}}@in.test"\n'
        )

    def refused_logins(self) -> int:
        """Return how many logins of this mailbox the server refused."""
        user = f"user=<{self._mailbox.user}>"
        return sum("auth failed" in line and user in line for line in self._dovecot.log().splitlines())

    def round(self) -> Answer:
        return self.call("fetch", "--once", "--quiet")

    def an_hour_passes(self) -> None:
        """Let all that is known of be an hour older."""
        with closing(sqlite3.connect(self._state / "postroom.db")) as database, database:
            database.execute("UPDATE notice SET since = datetime(since, '-1 hour')")


@pytest.fixture
def cron(
    tmp_path: Path, dovecot: Dovecot, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Cron]:
    log = logging.getLogger("postroom")
    level = log.level
    yield Cron(Terminal(tmp_path, monkeypatch, capsys), dovecot)
    log.setLevel(level)  # a quiet round silenced it


def test_a_round_with_nothing_wrong_prints_nothing(cron: Cron) -> None:
    done = cron.round()

    assert (done.code, done.out, done.err) == (0, "", "")


def test_a_refused_login_is_said_once_and_once_when_it_is_over(cron: Cron) -> None:
    cron.configure(password="wrong-canary")
    first, second = cron.round(), cron.round()
    logins = cron.refused_logins()
    cron.configure()
    cron.call("fetch", "--once", "orders")
    third, fourth = cron.round(), cron.round()

    assert [done.code for done in (first, second, third, fourth)] == [75, 75, 0, 0]
    assert logins == 1
    assert first.err.startswith("postroom: orders: localhost:")
    assert "[E-IMAP-AUTH]\n     Fix: correct `user` and `password`" in first.err
    assert (second.err, fourth.err) == ("", "")
    assert third.err.startswith("postroom: over: orders: localhost:")
    assert "[E-IMAP-AUTH], since 20" in third.err
    assert "wrong-canary" not in first.err + third.err


def test_a_server_that_is_away_is_no_news_until_it_lasts(cron: Cron) -> None:
    cron.configure(port=free_port())
    first, second = cron.round(), cron.round()
    cron.an_hour_passes()
    third, fourth = cron.round(), cron.round()

    assert [done.code for done in (first, fourth)] == [75, 75]
    assert (first.err, second.err, fourth.err) == ("", "", "")
    assert "[E-IMAP-CONNECT]" in third.err


def test_new_mail_in_quarantine_is_said_and_that_it_is_empty_again(cron: Cron) -> None:
    maildir.deliver(cron.maildir, NOBODYS % 1)
    first, second = cron.round(), cron.round()
    maildir.deliver(cron.maildir, NOBODYS % 2)
    third = cron.round()
    for entry in ("1", "2"):
        cron.call("quarantine", "drop", entry)
    fourth = cron.round()

    assert "mails in the quarantine: 1  [E-UNROUTABLE]\n     Fix: postroom quarantine list" in first.err
    assert "mails in the quarantine: 2" in third.err
    assert second.err == ""
    assert fourth.err.startswith("postroom: over: mails in the quarantine: 2")
