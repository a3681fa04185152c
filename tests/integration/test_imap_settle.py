"""The after-action in a real mailbox, also on servers that can do less."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from postroom.config.settings import Action, After, Mailbox
from postroom.core.limits import DEFAULT_LIMITS
from postroom.core.places import Place
from postroom.errors import SettleFailed
from postroom.fetcher.imap import ImapSource
from tests.servers.dovecot import Dovecot
from tests.servers.fixtures import fresh_mailbox, running_dovecot
from tests.servers.imap_server import ImapServer
from tests.servers.memory import MemoryInRam
from tests.servers.scripted_imap import ScriptedImap, scripted_imap


@pytest.fixture(scope="module")
def without_move() -> Iterator[Dovecot]:
    with running_dovecot(capability="IMAP4rev1 UIDPLUS") as server:
        yield server


@pytest.fixture(scope="module")
def without_uidplus() -> Iterator[Dovecot]:
    with running_dovecot(capability="IMAP4rev1") as server:
        yield server


def places(source: ImapSource) -> list[Place]:
    return [copy.place for batch in source.batches(MemoryInRam(), limit=500) for copy in batch.fetched]


def settle(
    mailbox: Mailbox, spool: Path, *, only: int | None = None, times: int = 1
) -> list[Sequence[Place]]:
    """Read all, settle the first `only` of them, and return what was reported done."""
    source = ImapSource(mailbox, spool, DEFAULT_LIMITS)
    try:
        found = places(source)[:only]
        done = [source.settle(found) for _ in range(times)]
        assert all(list(each) == found for each in done)
        return done
    finally:
        source.close()


def deliver(server: ImapServer, mailbox: Mailbox, count: int) -> None:
    for number in range(count):
        server.deliver(mailbox.user, b"Subject: mail %d\r\n\r\n" % number)


def flags(server: ImapServer, mailbox: Mailbox, folder: str = "INBOX") -> list[str]:
    return server.flags(mailbox.user, folder)


@pytest.mark.parametrize(
    ("action", "inbox", "processed"),
    [
        pytest.param(Action.KEEP, ["", "", ""], [], id="keep"),
        pytest.param(Action.SEEN, ["\\Seen", "\\Seen", ""], [], id="seen"),
        pytest.param(Action.FLAG, ["$Taken", "$Taken", ""], [], id="a keyword"),
        pytest.param(Action.MOVE, [""], ["", ""], id="move"),
        pytest.param(Action.DELETE, [""], [], id="delete"),
    ],
)
@pytest.mark.parametrize("times", [1, 2])
def test_the_after_action_meets_the_settled_mails_and_no_other(
    imap_server: ImapServer,
    tmp_path: Path,
    action: Action,
    inbox: list[str],
    processed: list[str],
    times: int,
) -> None:
    mailbox = fresh_mailbox(imap_server, action)
    deliver(imap_server, mailbox, 3)

    settle(mailbox, tmp_path, only=2, times=times)

    assert flags(imap_server, mailbox) == inbox
    assert flags(imap_server, mailbox, "Processed") == processed


def test_a_system_flag_can_be_the_mark(imap_server: ImapServer, tmp_path: Path) -> None:
    mailbox = replace(fresh_mailbox(imap_server), after=After(Action.FLAG, flag="\\Flagged"))
    deliver(imap_server, mailbox, 1)

    settle(mailbox, tmp_path)

    assert flags(imap_server, mailbox) == ["\\Flagged"]


def test_a_flag_that_the_server_will_not_keep_is_refused(imap_server: ImapServer, tmp_path: Path) -> None:
    mailbox = replace(fresh_mailbox(imap_server), after=After(Action.FLAG, flag="\\Recent"))
    deliver(imap_server, mailbox, 1)

    with pytest.raises(SettleFailed, match="does not keep the flag"):
        settle(mailbox, tmp_path)


def test_more_mails_than_one_command_names_are_settled(imap_server: ImapServer, tmp_path: Path) -> None:
    mailbox = fresh_mailbox(imap_server, Action.MOVE)
    deliver(imap_server, mailbox, 250)

    settle(mailbox, tmp_path)

    assert len(flags(imap_server, mailbox, "Processed")) == 250
    assert flags(imap_server, mailbox) == []


def test_mails_in_several_folders_are_settled_each_in_its_own(
    imap_server: ImapServer, tmp_path: Path
) -> None:
    mailbox = replace(fresh_mailbox(imap_server, Action.SEEN), folders=("INBOX", "Scans"))
    imap_server.deliver(mailbox.user, b"Subject: one\r\n\r\n")
    imap_server.deliver(mailbox.user, b"Subject: two\r\n\r\n", folder="Scans")

    settle(mailbox, tmp_path)

    assert (flags(imap_server, mailbox), flags(imap_server, mailbox, "Scans")) == (["\\Seen"], ["\\Seen"])


def test_reading_goes_on_where_it_was_after_settling_in_another_folder(
    imap_server: ImapServer, tmp_path: Path
) -> None:
    mailbox = replace(fresh_mailbox(imap_server, Action.SEEN), folders=("INBOX", "Scans"))
    imap_server.deliver(mailbox.user, b"Subject: elsewhere\r\n\r\n", folder="Scans")
    deliver(imap_server, mailbox, 60)
    source = ImapSource(mailbox, tmp_path, DEFAULT_LIMITS)
    elsewhere = [place for place in places(source) if place.folder == "Scans"]
    batches = source.batches(MemoryInRam(), limit=60)
    first = next(batches)

    source.settle(elsewhere)
    second = next(batches)

    source.close()
    assert [len(first.fetched), len(second.fetched)] == [50, 10]
    assert {copy.place.folder for copy in second.fetched} == {"INBOX"}


def test_uids_of_another_uidvalidity_are_left_alone(imap_server: ImapServer, tmp_path: Path) -> None:
    mailbox = fresh_mailbox(imap_server, Action.DELETE)
    deliver(imap_server, mailbox, 1)
    source = ImapSource(mailbox, tmp_path, DEFAULT_LIMITS)
    (place,) = places(source)

    done = source.settle([replace(place, uidvalidity=place.uidvalidity + 1)])

    source.close()
    assert len(done) == 1
    assert len(flags(imap_server, mailbox)) == 1


def test_a_move_without_the_move_command_copies_first_and_leaves_other_deleted_mail(
    without_move: Dovecot, tmp_path: Path
) -> None:
    mailbox = fresh_mailbox(without_move, Action.MOVE)
    deliver(without_move, mailbox, 3)
    mark_deleted(without_move, mailbox, tmp_path, keep=2)

    settle(mailbox, tmp_path, only=2, times=2)

    assert flags(without_move, mailbox) == ["\\Deleted"]
    assert len(flags(without_move, mailbox, "Processed")) == 2


def test_a_copy_that_was_not_complete_deletes_nothing(
    without_move: Dovecot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox = fresh_mailbox(without_move, Action.MOVE)
    deliver(without_move, mailbox, 2)
    monkeypatch.setattr("postroom.fetcher.imap_settle._count", lambda _: 1)

    with pytest.raises(SettleFailed, match="of 2 mails the server copied 1 to 'Processed'"):
        settle(mailbox, tmp_path)

    assert flags(without_move, mailbox) == ["", ""]


@pytest.mark.parametrize(
    ("action", "processed"),
    [pytest.param(Action.DELETE, 0, id="delete"), pytest.param(Action.MOVE, 1, id="move")],
)
def test_without_uidplus_mails_stay_marked_and_nothing_is_expunged(
    without_uidplus: Dovecot, tmp_path: Path, action: Action, processed: int
) -> None:
    mailbox = fresh_mailbox(without_uidplus, action)
    deliver(without_uidplus, mailbox, 2)

    settle(mailbox, tmp_path, only=1, times=2)

    assert flags(without_uidplus, mailbox) == ["\\Deleted", ""]
    assert len(flags(without_uidplus, mailbox, "Processed")) == processed


def mark_deleted(server: ImapServer, mailbox: Mailbox, spool: Path, *, keep: int) -> None:
    """Mark all but the first `keep` mails as another mail program does before its user expunges."""
    marking = replace(mailbox, after=After(Action.FLAG, flag="\\Deleted"))
    source = ImapSource(marking, spool, DEFAULT_LIMITS)
    source.settle(places(source)[keep:])
    source.close()


# --- the folder for what no org got --------------------------------------------------------------


def test_what_only_the_quarantine_got_goes_to_a_folder_of_its_own(
    imap_server: ImapServer, tmp_path: Path
) -> None:
    mailbox = replace(fresh_mailbox(imap_server), after=After(Action.SEEN, failed="Failed"))
    deliver(imap_server, mailbox, 3)
    source = ImapSource(mailbox, tmp_path, DEFAULT_LIMITS)
    first, second, _third = places(source)

    done = [*source.settle([first]), *source.settle([second], held=True)]

    source.close()
    assert done == [first, second]
    assert flags(imap_server, mailbox) == ["\\Seen", ""]
    assert len(flags(imap_server, mailbox, "Failed")) == 1


def test_without_such_a_folder_what_was_held_is_settled_like_all(
    imap_server: ImapServer, tmp_path: Path
) -> None:
    mailbox = fresh_mailbox(imap_server, Action.SEEN)
    deliver(imap_server, mailbox, 1)
    source = ImapSource(mailbox, tmp_path, DEFAULT_LIMITS)

    source.settle(places(source), held=True)

    source.close()
    assert flags(imap_server, mailbox) == ["\\Seen"]


# --- labels --------------------------------------------------------------------------------------


@pytest.fixture
def gmail() -> Iterator[ScriptedImap]:
    with scripted_imap() as server:
        server.labels = {}
        server.put(b"x", b"x", b"x")
        yield server


def labelling(server: ScriptedImap) -> Mailbox:
    return replace(server.mailbox, after=After(Action.LABEL, label="postroom/done"))


def test_a_label_is_put_on_the_settled_mails_and_no_other(gmail: ScriptedImap, tmp_path: Path) -> None:
    settle(labelling(gmail), tmp_path, only=2, times=2)

    assert gmail.labels == {1: {"postroom/done"}, 2: {"postroom/done"}}


def test_a_label_that_did_not_stay_is_told(gmail: ScriptedImap, tmp_path: Path) -> None:
    gmail.keeps_labels = False

    with pytest.raises(SettleFailed, match="but 3 mails do not have it"):
        settle(labelling(gmail), tmp_path)


def test_a_server_without_labels_is_told(gmail: ScriptedImap, tmp_path: Path) -> None:
    gmail.labels = None

    with pytest.raises(SettleFailed, match="knows no labels") as refused:
        settle(labelling(gmail), tmp_path)

    assert "another after-action" in refused.value.fix
