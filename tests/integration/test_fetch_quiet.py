"""What cron's mail says: what a person is needed for, once, and once more when it is over."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from postroom import maildir
from tests.command import Done, postroom
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.fixtures import fresh_mailbox
from tests.servers.waiting import free_port

pytestmark = [pytest.mark.dovecot, pytest.mark.usefixtures("own_places")]

NOBODYS = b"Delivered-To: orders+nobody@in.test\nReceived: by b\nMessage-ID: <%d@b.test>\n\nhi\n"


class Cron:
    """A postroom with a mailbox and a Maildir, of which cron mails what a round prints."""

    def __init__(self, folder: Path, dovecot: Dovecot) -> None:
        self.folder, self._mailbox = folder, fresh_mailbox(dovecot)
        self.maildir = folder / "Maildir"
        maildir.create(self.maildir)
        self.configure()

    def configure(self, *, password: str = PASSWORD, port: int = 0) -> None:
        """Change how the mailbox is opened."""
        self.config = self.folder / "postroom.toml"
        self.config.write_text(
            f'state_dir = "{self.folder}/state"\n[org.acme]\n[mailbox.orders]\nhost = "localhost"\n'
            f'port = {port or self._mailbox.port}\nuser = "{self._mailbox.user}"\npassword = "{password}"\n'
            f'tls_ca = "{self._mailbox.tls_ca}"\norg = "acme"\n'
            f'[maildir.intake]\npath = "{self.maildir}"\n[orgs]\naddress = "orders+{{org}}@in.test"\n'
        )
        self.config.chmod(0o600)

    def round(self) -> Done:
        return postroom(self.config, "fetch", "--once", "--quiet", answer=None)

    def an_hour_passes(self) -> None:
        """Let all that is known of be an hour older."""
        with closing(sqlite3.connect(self.folder / "state" / "postroom.db")) as database, database:
            database.execute("UPDATE notice SET since = datetime(since, '-1 hour')")


@pytest.fixture
def cron(tmp_path: Path, dovecot: Dovecot) -> Cron:
    return Cron(tmp_path, dovecot)


def test_a_round_with_nothing_wrong_prints_nothing(cron: Cron) -> None:
    done = cron.round()

    assert (done.code, done.out, done.err) == (0, "", "")


def test_a_refused_login_is_said_once_and_once_when_it_is_over(cron: Cron) -> None:
    cron.configure(password="wrong-canary")
    first, second = cron.round(), cron.round()
    cron.configure()
    third, fourth = cron.round(), cron.round()

    assert [done.code for done in (first, second, third, fourth)] == [75, 75, 0, 0]
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
        postroom(cron.config, "quarantine", "drop", entry)
    fourth = cron.round()

    assert "mails in the quarantine: 1  [E-UNROUTABLE]\n     Fix: postroom quarantine list" in first.err
    assert "mails in the quarantine: 2" in third.err
    assert second.err == ""
    assert fourth.err.startswith("postroom: over: mails in the quarantine: 2")
