"""Mails that stay in their mailbox for a while, and are deleted then: only what an org got, only once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from postroom.config.settings import Action, After, Mailbox
from postroom.core.limits import DEFAULT_LIMITS
from postroom.db.keeping import SqlKept
from postroom.fetcher.imap import ImapSource
from postroom.jobs.house import SourceKit
from postroom.jobs.polling import poll
from tests.house import Postroom, open_postroom, postroom
from tests.mailbox import mail
from tests.servers.dovecot import Dovecot
from tests.servers.fixtures import fresh_mailbox
from tests.servers.imap_server import ImapServer

__all__ = ["open_postroom", "postroom"]

DAY = 86_400.0


@pytest.fixture
def mailbox(imap_server: ImapServer) -> Mailbox:
    return replace(fresh_mailbox(imap_server), after=After(Action.SEEN, delete_after_seconds=30 * DAY))


@pytest.fixture
def kit(postroom: Postroom, mailbox: Mailbox, tmp_path: Path) -> Iterator[SourceKit]:
    memory = postroom.memory("orders")
    source = ImapSource(mailbox, tmp_path / "imap", DEFAULT_LIMITS).with_memory(memory)
    kept = SqlKept(postroom.database, "orders", "imap", postroom.clock)
    yield replace(postroom.kit(source), kept=kept, keep_seconds=30 * DAY)
    source.close()


def test_a_mail_stays_for_its_time_and_is_deleted_then(
    postroom: Postroom, imap_server: ImapServer, mailbox: Mailbox, kit: SourceKit
) -> None:
    imap_server.deliver(mailbox.user, mail("<1@x>"))
    poll(kit, postroom.house)
    postroom.clock.later(20 * DAY)
    imap_server.deliver(mailbox.user, mail("<2@x>"))
    poll(kit, postroom.house)
    early = imap_server.flags(mailbox.user)

    postroom.clock.later(11 * DAY)
    poll(kit, postroom.house)

    assert early == ["\\Seen", "\\Seen"]
    assert len(imap_server.flags(mailbox.user)) == 1
    assert sorted(message.source_message_id for message in postroom.messages()) == ["<1@x>", "<2@x>"]


def test_what_no_org_got_and_what_is_too_large_stays(
    postroom: Postroom, imap_server: ImapServer, mailbox: Mailbox, kit: SourceKit
) -> None:
    imap_server.deliver(mailbox.user, mail("<1@x>", to="orders+nope@in.example"))
    imap_server.deliver(mailbox.user, mail("<2@x>"))
    poll(kit, postroom.house)

    postroom.clock.later(31 * DAY)
    poll(kit, postroom.house)

    assert len(imap_server.flags(mailbox.user)) == 1
    assert postroom.verdicts() == ["quarantined", "accepted"]


def test_a_crash_before_it_is_recorded_removes_no_other(
    postroom: Postroom,
    imap_server: ImapServer,
    mailbox: Mailbox,
    kit: SourceKit,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    imap_server.deliver(mailbox.user, mail("<1@x>"))
    poll(kit, postroom.house)
    postroom.clock.later(31 * DAY)
    monkeypatch.setattr(SqlKept, "removed", lambda _self, _until: None)
    poll(kit, postroom.house)
    monkeypatch.undo()
    imap_server.deliver(mailbox.user, mail("<2@x>"))

    polled = poll(kit, postroom.house)

    assert polled.taken == 1
    assert len(imap_server.flags(mailbox.user)) == 1
    assert kit.kept is not None
    assert kit.kept.due(datetime(2025, 3, 5, tzinfo=UTC)) == ([], None)


@pytest.mark.needs("renumbering")
def test_a_folder_that_was_renumbered_is_not_deleted_from_by_old_numbers(
    postroom: Postroom, dovecot: Dovecot, mailbox: Mailbox, kit: SourceKit
) -> None:
    dovecot.deliver(mailbox.user, mail("<1@x>"))
    poll(kit, postroom.house)
    with kit.connect() as source:
        source.close()
    dovecot.change_uidvalidity(mailbox.user, 4_242)
    postroom.clock.later(31 * DAY)

    poll(kit, postroom.house)

    assert len(dovecot.mails(mailbox.user)) == 1
