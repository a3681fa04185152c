"""`quarantine assign --always`: a rule by source and trusted recipient, that is listed and can go."""

from __future__ import annotations

import pytest

from postroom import maildir
from tests.unit.cli.room import Room

KEYS = "id source recipient org quarantine created_at"


def always(room: Room, tag: str = "nope", org: str = "acme") -> None:
    """Bring a mail in that no org gets, and give it and all that follow it to an org."""
    room.deliver(tag, number=100)
    room.fetch()
    answer = room.call("quarantine", "assign", "1", org, "--always")
    assert answer.code == 0, answer.err


def test_the_mails_that_follow_for_the_same_recipient_reach_the_org(room: Room) -> None:
    always(room)
    raw = room.deliver("NOPE", number=2, subject="the next")
    maildir.deliver(
        room.maildir, raw.replace(b"Ann <ann@a.example>", b"bob@b.example").replace(b"<2@", b"<4@")
    )
    room.deliver("other", number=3, subject="for another")

    room.fetch()

    acmes = sorted((row["subject"], row["from"]) for row in room.rows("messages", "acme"))
    assert acmes == [("Order", "ann@a.example"), ("the next", "ann@a.example"), ("the next", "bob@b.example")]
    assert [row["recipient"] for row in room.rows("quarantine", "list")] == ["orders+other@in.example"]


def test_what_it_did_is_said(room: Room) -> None:
    room.deliver("nope")
    room.fetch()

    answer = room.call("quarantine", "assign", "1", "acme", "--always")

    assert answer.out == (
        "assigned 1 to acme: 1 document\n"
        "from now on acme gets all mail for orders+nope@in.example in intake: rule 1\n"
    )


def test_explain_names_the_rule(room: Room) -> None:
    always(room)
    room.deliver("nope", number=2)
    room.fetch()

    answer = room.call("explain", "<2@a.example>")

    assert "Delivered-To says orders+nope@in.example, and rule 1 gives that to acme\n" in answer.out


def test_the_rules_are_listed(room: Room) -> None:
    always(room)

    (row,) = room.rows("quarantine", "rules")

    assert " ".join(row) == KEYS
    assert row | {"created_at": ""} == {
        "id": 1,
        "source": "intake",
        "recipient": "orders+nope@in.example",
        "org": "acme",
        "quarantine": 1,
        "created_at": "",
    }
    assert room.call("quarantine", "rules").out.splitlines()[1].split()[:4] == [
        "1",
        "intake",
        "orders+nope@in.example",
        "acme",
    ]


def test_a_forgotten_rule_decides_nothing_and_what_it_gave_stays(room: Room) -> None:
    always(room)

    answer = room.call("quarantine", "forget", "1")
    room.deliver("nope", number=2)
    room.fetch()

    assert answer.out == "mail for orders+nope@in.example in intake is not acme's any more\n"
    assert room.rows("quarantine", "rules") == []
    assert (len(room.rows("messages", "acme")), len(room.rows("quarantine", "list"))) == (1, 1)


def test_the_terms_of_the_org_hold_for_the_mails_that_follow(room: Room) -> None:
    room.call("org", "add", "strict", "--allow-from", "*@strict.example")
    always(room, org="strict")
    room.deliver("nope", number=2)

    room.fetch()

    assert [row["reason"] for row in room.rows("quarantine", "list")] == [
        '"strict" takes no mail from ann@a.example'
    ]
    assert len(room.rows("messages", "strict")) == 1


def test_an_org_of_that_name_that_is_added_later_gets_its_own_mail(room: Room) -> None:
    always(room)
    room.call("org", "add", "nope")
    room.deliver("nope", number=2)

    room.fetch()

    assert [row["source_message_id"] for row in room.rows("messages", "nope")] == ["<2@a.example>"]


def test_a_recipient_that_the_mail_itself_claims_makes_no_rule(room: Room) -> None:
    raw = b"Received: by mx\nDelivered-To: orders+nope@in.example\nSubject: forged\n\nhi\n"
    maildir.deliver(room.maildir, raw)
    room.fetch()

    answer = room.call("quarantine", "assign", "1", "acme", "--always")

    assert answer.code == 64
    assert "no header that its source trusts names its recipient" in answer.err
    assert (room.rows("quarantine", "rules"), len(room.rows("quarantine", "list"))) == ([], 1)


@pytest.mark.parametrize("words", ["assign 1 beta --always", "assign 1 acme --always"])
def test_no_rule_is_made_of_an_entry_that_is_closed(room: Room, words: str) -> None:
    room.deliver("nope")
    room.fetch()
    room.call("quarantine", "drop", "1")

    answer = room.call("quarantine", *words.split())

    assert answer.code == 64
    assert room.rows("quarantine", "rules") == []


def test_a_mail_that_was_held_for_its_sender_makes_no_rule(room: Room) -> None:
    room.call("org", "add", "strict", "--allow-from", "*@strict.example")
    room.deliver("strict")
    room.fetch()

    answer = room.call("quarantine", "assign", "1", "strict", "--always")

    assert (answer.code, room.rows("quarantine", "rules")) == (64, [])


def test_there_are_no_rules_at_first(room: Room) -> None:
    assert room.call("quarantine", "rules").code == 0
    assert room.call("quarantine", "forget", "1").code == 64
