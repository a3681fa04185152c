"""`postroom audit` beside a real mailbox: what its server lists, and what a repair fetches from it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from postroom.app.compose import App, open_app
from postroom.config.load import load
from postroom.db.machinery import OUTBOX, SIGHTING, WORK
from postroom.db.tables import DOCUMENT, INBOUND_MESSAGE, PART
from tests.command import ENVIRONMENT, postroom
from tests.databases import every_row, furnish
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.fixtures import fresh_mailbox

pytestmark = pytest.mark.dovecot

A_MONTH_AGO = 1_700_000_000.0


def mail(number: int) -> bytes:
    return (
        f"Delivered-To: orders+acme@in.test\r\nReceived: by mx\r\nMessage-ID: <{number}@a.test>\r\n"
        f"Subject: order {number}\r\nMIME-Version: 1.0\r\nContent-Type: application/pdf\r\n"
        f"Content-Disposition: attachment; filename=po.pdf\r\n\r\n%PDF-1.4 {number}\r\n"
    ).encode()


class Desk:
    """A postroom with one mailbox, whose mails stay where they are."""

    def __init__(self, folder: Path, dovecot: Dovecot) -> None:
        self.folder, self.dovecot, self.mailbox = folder, dovecot, fresh_mailbox(dovecot)
        self.config = folder / "postroom.toml"
        furnish(folder / "state")
        self.config.write_text(
            f'state_dir = "{folder}/state"\n[orgs]\naddress = "orders+{{org}}@in.test"\n[org.acme]\n'
            f'[mailbox.orders]\nhost = "localhost"\nport = {self.mailbox.port}\n'
            f'user = "{self.mailbox.user}"\npassword = "{PASSWORD}"\ntls_ca = "{self.mailbox.tls_ca}"\n'
            'since = "7d"\nafter = "keep"\n'
        )
        self.config.chmod(0o600)

    def deliver(self, *numbers: int, modified: float | None = None) -> None:
        for number in numbers:
            self.dovecot.deliver(self.mailbox.user, mail(number), modified=modified)

    def audit(self, *options: str, answer: int = 0) -> list[str]:
        return postroom(self.config, "audit", *options, answer=answer).out.splitlines()

    @contextmanager
    def app(self) -> Iterator[App]:
        loaded = load(
            self.config, environ=ENVIRONMENT, cwd=self.folder, home=self.folder, is_root=False, secrets="own"
        )
        with open_app(loaded.settings) as app:
            yield app


@pytest.fixture
def desk(tmp_path: Path, dovecot: Dovecot) -> Desk:
    return Desk(tmp_path, dovecot)


def test_what_a_mailbox_holds_adds_up_whether_taken_or_waiting_or_too_old(desk: Desk) -> None:
    desk.deliver(9, modified=A_MONTH_AGO)
    desk.deliver(1, 2)
    postroom(desk.config, "fetch", "--once")
    desk.deliver(3)

    assert desk.audit() == [
        "1 source with 4 mails (1 waiting), 2 rows, 4 objects, 2 documents",
        "unaccounted=0",
    ]


def test_a_mail_behind_the_cursor_that_has_no_row_is_named_and_taken_by_a_repair(desk: Desk) -> None:
    desk.deliver(1, 2)
    postroom(desk.config, "fetch", "--once")
    with desk.app() as app, every_row(app.database) as connection:
        for table in (OUTBOX, DOCUMENT, PART, WORK, SIGHTING, INBOUND_MESSAGE):
            connection.execute(delete(table))

    found = desk.audit(answer=1)
    repaired = desk.audit("--repair")

    assert [line.partition(":")[0].split()[:3] for line in found if line.startswith("not-taken")] == [
        ["not-taken", "orders", "INBOX"],
        ["not-taken", "orders", "INBOX"],
    ]
    assert found[-1] == "unaccounted=2"
    assert repaired[-1] == "unaccounted=0"
    subjects = {row["subject"] for row in postroom(desk.config, "messages", "--json").objects()}
    assert subjects == {"order 1", "order 2"}
    assert desk.audit() == [
        "1 source with 2 mails (0 waiting), 2 rows, 4 objects, 2 documents",
        "unaccounted=0",
    ]


def test_a_raw_mail_that_the_archive_spoilt_is_brought_back_from_its_mailbox(desk: Desk) -> None:
    desk.deliver(1)
    postroom(desk.config, "fetch", "--once")
    with desk.app() as app, every_row(app.database) as connection:
        key = connection.scalars(select(INBOUND_MESSAGE.c.raw_key)).one()
        app.store.put(str(key), b"other bytes")

    found, repaired, after = desk.audit(answer=1), desk.audit("--repair"), desk.audit()

    assert (found[0].split()[0], found[-1]) == ("raw-damaged", "unaccounted=1")
    assert repaired[0].endswith("; repaired")
    assert after[-1] == "unaccounted=0"
