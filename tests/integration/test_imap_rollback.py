"""A server that was put back to a backup gives UIDs out again: nothing is lost, and nothing is doubled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from postroom.config.settings import Action, After
from postroom.core.limits import DEFAULT_LIMITS
from postroom.fetcher.imap import ImapSource
from tests.house import Postroom, open_postroom, postroom
from tests.mailbox import mail
from tests.servers.dovecot import Dovecot
from tests.servers.fixtures import fresh_mailbox
from tests.servers.scripted_imap import ScriptedImap, scripted_imap

__all__ = ["open_postroom", "postroom"]


@pytest.fixture
def server() -> Iterator[ScriptedImap]:
    with scripted_imap() as running:
        running.mails = {uid: mail(f"<{uid}@x>") for uid in range(1, 6)}
        yield running


@pytest.fixture
def source(server: ScriptedImap, postroom: Postroom, tmp_path: Path) -> Iterator[ImapSource]:
    made = ImapSource(server.mailbox, tmp_path / "imap", DEFAULT_LIMITS).with_memory(
        postroom.memory("orders")
    )
    yield made
    made.close()


def roll_back(server: ScriptedImap) -> None:
    """Forget the last two mails, and give their UIDs to others."""
    server.mails = {1: server.mails[1], 2: server.mails[2], 3: server.mails[3], 4: mail("<other@x>")}


def ids(postroom: Postroom) -> list[str]:
    return sorted(message.source_message_id for message in postroom.messages())


def test_mail_under_a_uid_that_was_given_out_before_is_taken(
    postroom: Postroom, server: ScriptedImap, source: ImapSource
) -> None:
    postroom.poll(source)
    roll_back(server)

    tallies = [postroom.poll(source), postroom.poll(source)]

    assert ids(postroom) == ["<1@x>", "<2@x>", "<3@x>", "<4@x>", "<5@x>", "<other@x>"]
    assert [tally.taken for tally in tallies] == [1, 0]


def test_of_what_is_known_no_body_is_read_again(
    postroom: Postroom, server: ScriptedImap, source: ImapSource
) -> None:
    postroom.poll(source)
    roll_back(server)
    server.fetches.clear()

    postroom.poll(source)

    assert [each for each in server.fetches if "BODY.PEEK[]" in each] == ["4 (UID BODY.PEEK[])"]


def test_what_comes_later_and_a_second_rollback_are_taken_too(
    postroom: Postroom, server: ScriptedImap, source: ImapSource
) -> None:
    postroom.poll(source)
    roll_back(server)
    postroom.poll(source)
    server.mails[5] = mail("<later@x>")
    postroom.poll(source)
    server.mails = {1: server.mails[1], 2: mail("<again@x>")}

    postroom.poll(source)

    assert ids(postroom)[5:] == ["<again@x>", "<later@x>", "<other@x>"]


def test_a_mail_that_has_the_uid_of_one_still_to_be_settled_is_not_touched(
    postroom: Postroom, dovecot: Dovecot, tmp_path: Path
) -> None:
    mailbox = replace(fresh_mailbox(dovecot), after=After(Action.DELETE))
    source = ImapSource(mailbox, tmp_path / "imap", DEFAULT_LIMITS).with_memory(postroom.memory("orders"))
    for number in (1, 2, 3):
        dovecot.deliver(mailbox.user, mail(f"<{number}@x>"))
    batches = source.batches(postroom.memory("orders"), limit=9)
    batch = next(batches)
    postroom.accept(batch, settle=lambda _places, held=False: ())
    source.close()
    for name in dovecot.mails(mailbox.user):
        next(dovecot.maildir(mailbox.user).glob(f"*/{name}")).unlink()
    dovecot.change_uidvalidity(mailbox.user, batch.fetched[0].place.uidvalidity)
    dovecot.deliver(mailbox.user, mail("<other@x>"))

    done = source.settle(postroom.inbox.unsettled("orders"))

    assert len(done) == 3
    assert len(dovecot.mails(mailbox.user)) == 1
    postroom.poll(source)
    source.close()
    assert ids(postroom) == ["<1@x>", "<2@x>", "<3@x>", "<other@x>"]
    assert dovecot.mails(mailbox.user) == []


def test_a_uidvalidity_of_zero_is_one_like_any_other(
    postroom: Postroom, server: ScriptedImap, source: ImapSource
) -> None:
    server.uidvalidity = 0

    tallies = [postroom.poll(source), postroom.poll(source)]

    assert [tally.taken for tally in tallies] == [5, 0]


def test_a_folder_that_was_deleted_and_made_anew_is_taken_from_its_beginning(
    postroom: Postroom, server: ScriptedImap, source: ImapSource
) -> None:
    postroom.poll(source)
    server.uidvalidity = 8
    server.mails = {1: mail("<new@x>")}

    tally = postroom.poll(source)

    assert (tally.taken, ids(postroom)[-1]) == (1, "<new@x>")
