"""A mail over the size limit: held by its header, left where it is, and fetched when a person gives it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.command import postroom
from tests.databases import furnish
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.fixtures import fresh_mailbox

pytestmark = pytest.mark.dovecot

BIG = (
    b"Delivered-To: orders+acme@in.test\r\nReceived: by mx\r\nMessage-ID: <big@a.test>\r\n"
    b"Subject: big\r\nMIME-Version: 1.0\r\nContent-Type: application/pdf\r\n"
    b"Content-Disposition: attachment; filename=po.pdf\r\n\r\n%PDF-1.4\r\n"
) + b"x" * 70 * 1000


class Desk:
    """A postroom whose mailbox is emptied as mail is taken, and that takes none over 20 kB."""

    def __init__(self, folder: Path, dovecot: Dovecot) -> None:
        self.dovecot, self.mailbox = dovecot, fresh_mailbox(dovecot)
        self.config = folder / "postroom.toml"
        furnish(folder / "state")
        self.config.write_text(
            f'state_dir = "{folder}/state"\n[orgs]\naddress = "orders+{{org}}@in.test"\n[org.acme]\n'
            f'[limits]\nmessage = "20KB"\n[mailbox.orders]\nhost = "localhost"\n'
            f'port = {self.mailbox.port}\nuser = "{self.mailbox.user}"\npassword = "{PASSWORD}"\n'
            f'tls_ca = "{self.mailbox.tls_ca}"\nafter = "delete"\n'
        )
        self.config.chmod(0o600)

    def fetch(self) -> None:
        postroom(self.config, "fetch", "--once")

    def mails(self) -> int:
        return len(self.dovecot.mails(self.mailbox.user))


@pytest.fixture
def desk(tmp_path: Path, dovecot: Dovecot) -> Desk:
    desk = Desk(tmp_path, dovecot)
    dovecot.deliver(desk.mailbox.user, BIG)
    desk.fetch()
    return desk


def test_it_is_held_once_and_stays_in_its_mailbox(desk: Desk) -> None:
    desk.fetch()

    (held,) = postroom(desk.config, "quarantine", "list", "--json").objects()
    assert "over limits.message (20000)" in held["reason"]
    assert (held["subject"], held["size"] > 70_000, desk.mails()) == ("big", True, 1)


def test_given_to_an_org_it_is_fetched_whole_and_stays_in_its_mailbox(desk: Desk, tmp_path: Path) -> None:
    given = postroom(desk.config, "quarantine", "assign", "1", "acme")
    desk.fetch()

    (message,) = postroom(desk.config, "messages", "--json").objects()
    postroom(desk.config, "messages", "--raw", message["id"], "-o", str(tmp_path / "mail"))
    told = postroom(desk.config, "explain", message["id"]).out
    assert given.out == "assigned 1 to acme: 1 document\n"
    assert (tmp_path / "mail").read_bytes() == BIG
    assert "a person gave it to acme: quarantine entry 1" in told
    assert desk.mails() == 1
    assert postroom(desk.config, "audit").out.endswith("unaccounted=0\n")


def test_one_that_left_its_mailbox_cannot_be_given_and_stays_held(desk: Desk) -> None:
    for path in desk.dovecot.maildir(desk.mailbox.user).glob("[nc]*/*"):
        path.unlink()

    refused = postroom(desk.config, "quarantine", "assign", "1", "acme", answer=64)

    assert "its source has the mail no more" in refused.err
    assert [row["state"] for row in postroom(desk.config, "quarantine", "list", "--json").objects()] == [
        "held"
    ]
