"""Accepting a batch: races, outages, leaving, quarantine, and copies that are only recognised."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from postroom import maildir
from postroom.config.settings import Action
from postroom.core.limits import DEFAULT_LIMITS
from postroom.core.routing import Rule
from postroom.db.inbox import SqlInbox
from postroom.db.orgs import SqlDirectory
from postroom.db.values import Existing, Key, Org
from postroom.errors import DatabaseUnavailable, StoreUnavailable
from postroom.fetcher.source import Batch, KnownCopy
from postroom.pipeline.accept import preview
from tests.house import ORDERS, PDF, Postroom, sha256
from tests.mailbox import MailboxInRam, mail

NOPE = "orders+nope@in.example"


@dataclass(frozen=True, slots=True)
class Overtaken:
    """The real inbox, but another worker accepts the same mails between our look and our commit."""

    inbox: SqlInbox
    overtake: list[Callable[[], object]]

    def find(self, keys: Collection[Key]) -> dict[Key, Existing]:
        found = self.inbox.find(keys)
        if self.overtake:
            self.overtake.pop()()
        return found

    def __getattr__(self, name: str) -> object:
        return getattr(self.inbox, name)


def overtaken_by(postroom: Postroom, *rivals: Callable[[], object]) -> object:
    return replace(postroom.desk("orders"), inbox=Overtaken(postroom.inbox, list(reversed(rivals))))  # type: ignore[arg-type]  # it lends the rest


def other_source(postroom: Postroom, *mails: bytes) -> Callable[[], object]:
    """Return what accepts these mails in another mailbox."""
    other = MailboxInRam("other", postroom.folder / "other")
    for raw in mails:
        other.put(raw)
    return lambda: postroom.accept(
        next(iter(other.batches(postroom.memory("other"), limit=9))), settle=other.settle
    )


def test_a_race_for_the_same_mail_is_decided_anew(postroom: Postroom) -> None:
    postroom.orders.put(mail("<1@x>"))
    postroom.orders.put(mail("<2@x>"))

    tally = postroom.accept(desk=overtaken_by(postroom, other_source(postroom, mail("<2@x>"))))

    assert (tally.taken, tally.duplicates) == (1, 1)
    assert [message.source_message_id for message in postroom.messages()] == ["<2@x>", "<1@x>"]
    assert postroom.orders.settled == [1, 2]


def test_a_race_for_the_same_id_with_other_content_ends_in_a_conflict(postroom: Postroom) -> None:
    postroom.orders.put(mail("<1@x>", text="ours"))

    tally = postroom.accept(desk=overtaken_by(postroom, other_source(postroom, mail("<1@x>", text="theirs"))))

    assert (tally.taken, tally.conflicts) == (1, 1)
    assert sorted(message.conflict for message in postroom.messages()) == [False, True]


def test_whoever_loses_every_race_tries_again_later(postroom: Postroom) -> None:
    for number in range(6):
        postroom.orders.put(mail(f"<{number}@x>"))
    rivals = [other_source(postroom, *(mail(f"<{n}@x>") for n in range(number + 1))) for number in range(5)]

    with pytest.raises(DatabaseUnavailable, match="others kept taking the same mails"):
        postroom.accept(desk=overtaken_by(postroom, *rivals))

    assert postroom.orders.settled == []


def test_a_waiting_row_is_resumed_by_a_copy_with_other_raw_bytes(postroom: Postroom) -> None:
    first, second = mail(received="by mx"), mail(received="by backup")
    postroom.orders.put(first)
    postroom.archive.is_down = True
    with pytest.raises(StoreUnavailable):
        postroom.poll()
    del postroom.orders.mails[1]
    postroom.archive.is_down = False

    tally = postroom.take_in(second)

    (message,) = postroom.messages()
    assert (tally.taken, tally.duplicates, message.status.value) == (1, 0, "parsed")
    assert message.raw_sha256 == sha256(second)
    assert postroom.verdicts() == ["accepted"]


def test_two_copies_of_a_waiting_mail_in_one_batch_are_one_message_and_one_duplicate(
    postroom: Postroom,
) -> None:
    postroom.orders.put(mail())
    postroom.archive.is_down = True
    with pytest.raises(StoreUnavailable):
        postroom.poll()
    postroom.archive.is_down = False

    tally = postroom.take_in(mail())

    assert (tally.taken, tally.duplicates) == (1, 1)
    assert postroom.verdicts() == ["accepted", "duplicate"]


def test_an_object_that_lies_there_without_a_row_is_written_again(postroom: Postroom) -> None:
    postroom.orders.put(mail())
    with postroom.database_locked(), pytest.raises(DatabaseUnavailable):
        postroom.accept()

    postroom.poll()

    assert len(postroom.archive.writes) == 2
    assert len(set(postroom.archive.writes)) == 1


# --- no org --------------------------------------------------------------------------------------


def test_a_mail_for_an_unknown_org_is_held_with_its_bytes_and_its_reason(postroom: Postroom) -> None:
    raw = mail(to=NOPE)

    tally = postroom.take_in(raw)

    (held,) = postroom.held()
    assert (tally.quarantined, postroom.orders.settled) == (1, [1])
    assert (held.code, held.reason, held.recipient) == ("unknown-org", 'no org "nope"', NOPE)
    assert (held.source, held.from_address, held.subject) == ("orders", "anna@customer.example", "an order")
    assert postroom.archive.read(held.raw_key) == raw
    assert str(held.raw_key).startswith("_quarantine/raw/")


def test_the_source_is_told_which_mails_no_org_got(postroom: Postroom) -> None:
    for raw in (mail("<1@x>"), mail("<2@x>", to=NOPE)):
        postroom.orders.put(raw)

    postroom.poll()

    assert (postroom.orders.settled, postroom.orders.settled_as_held) == ([1, 2], [2])


def test_after_a_crash_the_source_is_told_again_which_mails_no_org_got(postroom: Postroom) -> None:
    for raw in (mail("<1@x>"), mail("<2@x>", to=NOPE)):
        postroom.orders.put(raw)
    postroom.accept(settle=lambda _places, held=False: ())

    postroom.poll()

    assert (postroom.orders.settled, postroom.orders.settled_as_held) == ([1, 2], [2])


def test_the_same_raw_mail_twice_is_held_once(postroom: Postroom) -> None:
    postroom.take_in(mail(to=NOPE), mail(to=NOPE))
    postroom.take_in(mail(to=NOPE))

    assert (len(postroom.held()), postroom.verdicts()) == (1, ["quarantined"] * 3)
    assert postroom.orders.settled == [1, 2, 3]


def test_an_archive_outage_lets_no_unroutable_mail_go(postroom: Postroom) -> None:
    postroom.orders.put(mail(to=NOPE))
    postroom.archive.is_down = True

    with pytest.raises(StoreUnavailable):
        postroom.poll()

    assert (postroom.held(), postroom.orders.settled, postroom.sightings()) == ([], [], [])


def test_a_mail_for_a_known_and_an_unknown_org_is_taken_and_held(
    open_postroom: Callable[..., Postroom],
) -> None:
    postroom = open_postroom(leave_unknown=True)

    tally = postroom.take_in(mail(to=f"orders+acme@in.example, {NOPE}, orders+also-nope@in.example"))

    assert (tally.taken, tally.quarantined, tally.left) == (1, 1, 0)
    assert [held.reason for held in postroom.held()] == ['no org "nope"; no org "also-nope"']
    assert postroom.orders.settled == [1]


def test_a_mail_that_is_left_stays_until_its_org_comes(open_postroom: Callable[..., Postroom]) -> None:
    postroom = open_postroom(leave_unknown=True)
    postroom.clock.later(1)
    first = postroom.take_in(mail(to=NOPE, po=PDF))
    before = (postroom.orders.settled.copy(), postroom.archive.objects(), postroom.orders.read.copy())
    postroom.poll()
    unread = postroom.orders.read.copy()

    postroom.clock.later(60)
    postroom.directory.add("nope", postroom.clock())
    second = postroom.take_in()

    assert (first.left, before, unread) == (1, ([], [], [1]), [1])
    assert (second.taken, second.documents, postroom.orders.settled) == (1, 1, [1])
    assert postroom.verdicts() == ["accepted"]


def test_a_left_file_of_a_maildir_stays_until_its_org_comes(
    open_postroom: Callable[..., Postroom], tmp_path: Path
) -> None:
    postroom, folder = open_postroom(leave_unknown=True), tmp_path / "Maildir"
    maildir.create(folder)
    maildir.deliver(folder, mail(to=NOPE))
    postroom.clock.later(1)
    intake = postroom.maildir(folder, Action.CUR)
    tallies = [postroom.poll(intake), postroom.poll(intake)]

    postroom.clock.later(60)
    postroom.directory.add("nope", postroom.clock())
    tallies.append(postroom.poll(intake))

    assert [(tally.left, tally.taken) for tally in tallies] == [(1, 0), (0, 0), (0, 1)]
    assert len(list((folder / "cur").iterdir())) == 1


def test_an_org_that_is_added_while_its_mail_is_decided_on_is_not_missed(
    open_postroom: Callable[..., Postroom],
) -> None:
    @dataclass(frozen=True)
    class Slow:
        directory: SqlDirectory

        def resolve(self, slugs: Collection[str]) -> dict[str, Org]:
            found = self.directory.resolve(slugs)
            postroom.clock.later(1)
            self.directory.add("nope", postroom.clock())
            postroom.clock.later(1)
            return found

    postroom = open_postroom(leave_unknown=True)
    postroom.orders.put(mail(to=NOPE))
    postroom.accept(desk=replace(postroom.desk("orders"), directory=Slow(postroom.directory)))

    tally = postroom.take_in()

    assert (tally.taken, postroom.verdicts()) == (1, ["accepted"])


# --- too large, vanished, known --------------------------------------------------------------------


def test_a_mail_of_which_only_the_header_came_is_held_and_stays_where_it_is(
    open_postroom: Callable[..., Postroom],
) -> None:
    postroom = open_postroom(limits=replace(DEFAULT_LIMITS, message_bytes=100))
    postroom.orders.too_large.add(postroom.orders.put(mail()))

    tally = postroom.poll()
    again = postroom.poll()

    (held,) = postroom.held()
    assert (tally.quarantined, again.quarantined) == (1, 0)
    assert (held.code, held.raw_key, held.subject) == ("too-large", None, "an order")
    assert held.size_bytes == len(mail())
    assert (postroom.archive.objects(), postroom.orders.settled) == ([], [])
    assert postroom.inbox.unsettled("orders") == []


def test_a_file_that_vanished_is_passed_over_and_its_neighbours_are_taken(
    postroom: Postroom, tmp_path: Path
) -> None:
    folder = tmp_path / "Maildir"
    maildir.create(folder)
    for number in range(3):
        maildir.deliver(folder, mail(f"<{number}@x>"))
    intake = postroom.maildir(folder)
    (batch,) = intake.batches(postroom.memory("intake"), limit=9)
    batch.fetched[1].path.unlink()

    tally = postroom.accept(batch, desk=postroom.desk("intake"), settle=intake.settle)

    assert tally.taken == 2
    assert sorted(message.source_message_id for message in postroom.messages()) == ["<0@x>", "<2@x>"]


def test_a_file_that_changes_after_it_was_read_stays_and_its_new_bytes_are_another_mail(
    postroom: Postroom, tmp_path: Path
) -> None:
    folder = tmp_path / "Maildir"
    maildir.create(folder)
    name = maildir.deliver(folder, mail("<0@x>"))
    intake = postroom.maildir(folder)
    (batch,) = intake.batches(postroom.memory("intake"), limit=9)
    (folder / "new" / name).write_bytes(mail("<1@x>"))

    tally = postroom.accept(batch, desk=postroom.desk("intake"), settle=intake.settle)

    assert (tally.taken, maildir.listing(folder, "new")) == (1, [name])
    assert postroom.poll(intake).taken == 1
    assert [message.source_message_id for message in postroom.messages()] == ["<0@x>", "<1@x>"]


def test_a_file_whose_bytes_are_not_those_that_were_fetched_is_passed_over(postroom: Postroom) -> None:
    for number in range(2):
        postroom.orders.put(mail(f"<{number}@x>"))
    (batch,) = postroom.orders.batches(postroom.memory("orders"), limit=9)
    batch.fetched[0].path.write_bytes(mail("<0@x>") + b"more")

    tally = postroom.accept(replace(batch, cursor=None))

    assert (tally.taken, [message.source_message_id for message in postroom.messages()]) == (1, ["<1@x>"])


def test_a_copy_known_by_its_fingerprint_is_sighted_and_settled_without_a_body(postroom: Postroom) -> None:
    postroom.take_in(mail(po=PDF))
    postroom.orders.uidvalidity = 8
    copy = KnownCopy(postroom.orders.place(1), postroom.orders.fingerprint(1))

    tally = postroom.accept(Batch((), (copy,), postroom.orders.cursor(1)))

    assert (tally.known, tally.taken, tally.duplicates) == (1, 0, 0)
    assert postroom.verdicts() == ["accepted", "known"]
    assert postroom.inbox.unsettled("orders") == []
    assert postroom.memory("orders").cursor("INBOX", 8) == postroom.orders.cursor(1)


def test_an_empty_batch_moves_the_cursor_and_settles_nothing(postroom: Postroom) -> None:
    def settle(places: object) -> tuple[()]:
        raise AssertionError(places)

    postroom.accept(Batch((), cursor=postroom.orders.cursor(9)), settle=settle)

    assert postroom.memory("orders").cursor("INBOX", 7) == postroom.orders.cursor(9)


def test_a_cursor_is_never_taken_back_by_an_older_batch(postroom: Postroom) -> None:
    postroom.accept(Batch((), cursor=postroom.orders.cursor(9)))
    postroom.accept(Batch((), cursor=postroom.orders.cursor(3)))

    assert postroom.memory("orders").cursor("INBOX", 7) == postroom.orders.cursor(9)


def test_a_preview_says_what_would_happen_and_changes_nothing(postroom: Postroom) -> None:
    for raw in (mail("<1@x>"), mail("<1@x>"), mail("<2@x>", to=NOPE)):
        postroom.orders.put(raw)
    (batch,) = postroom.orders.batches(postroom.memory("orders"), limit=9)

    plan = preview(batch, desk=postroom.desk("orders"))

    assert [seen.verdict.value for seen in plan.seen] == ["accepted", "duplicate", "quarantined"]
    assert (postroom.messages(), postroom.sightings(), postroom.held(), postroom.archive.writes) == (
        [],
        [],
        [],
        [],
    )


def test_every_decision_is_one_event_with_its_ids(postroom: Postroom, log: object) -> None:
    postroom.take_in(mail("<1@x>", po=PDF), mail("<1@x>", po=PDF), mail("<2@x>", to=NOPE))

    events = [json.loads(line) for line in str(log.getvalue()).splitlines()]  # type: ignore[attr-defined]  # a StringIO
    by_name = {event["event"]: event for event in events}
    assert [event["event"] for event in events] == [
        "accepted",
        "stored",
        "duplicate",
        "quarantined",
        "settled",
        "parsed",
    ]
    row = str(postroom.messages()[0].id)
    assert (by_name["accepted"]["org"], by_name["accepted"]["message_id"]) == ("acme", "<1@x>")
    assert by_name["accepted"]["row"] == by_name["duplicate"]["row"] == by_name["parsed"]["row"] == row
    assert (by_name["parsed"]["documents"], by_name["parsed"]["bytes"]) == (1, len(mail("<1@x>", po=PDF)))
    assert (by_name["quarantined"]["code"], by_name["quarantined"]["level"]) == ("unknown-org", "warning")
    assert (by_name["settled"]["copies"], by_name["settled"]["source"]) == (3, "orders")


def test_a_pinned_source_gives_all_its_mail_to_one_org(open_postroom: Callable[..., Postroom]) -> None:
    postroom = open_postroom(rule=Rule(ORDERS, pinned="beta"))

    postroom.take_in(mail(to="whoever@else.example"))

    (message,) = postroom.messages()
    assert message.org_id == postroom.directory.entry("beta").id
