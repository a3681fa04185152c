"""`postroom explain`: every step of one mail's way, found by its id or its Message-ID."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from postroom import maildir
from postroom.core.places import Place
from postroom.db.values import Held, Intake, Seen, Verdict
from postroom.jobs.extracting import extract_due
from postroom.jobs.polling import poll
from tests.unit.cli.room import Room


def story(room: Room, words: str) -> dict[str, Any]:
    (told,) = room.rows("explain", words)
    return told


def test_the_story_has_copies_parts_and_announcements(room: Room) -> None:
    room.deliver(name="po 4711.pdf")
    room.deliver(name="po 4711.pdf")
    room.fetch()
    (message,), (document,) = room.rows("messages"), room.rows("documents")

    told = story(room, message["id"])

    assert list(told) == ["message", "work", "quarantine", "copies", "parts", "attempts", "announcements"]
    assert {name: told["message"][name] for name in message} == message
    seen = [(copy["source"], copy["verdict"], copy["decided_by"]) for copy in told["copies"]]
    assert seen == [("intake", "accepted", "Delivered-To"), ("intake", "duplicate", "Delivered-To")]
    assert all(copy["settled_at"] and copy["file_name"] for copy in told["copies"])
    parts = [(part["path"], part["kept"], part["reason"], part["document"]) for part in told["parts"]]
    assert parts == [
        ("0", False, "container", None),
        ("1", False, "text body", None),
        ("2", True, "attachment", document["id"]),
    ]
    (announced,) = told["announcements"]
    assert (announced["event"], announced["document"]) == ("document.created", document["id"])
    assert announced["announced_at"].endswith("+00:00")


def test_the_story_is_told_in_words(room: Room) -> None:
    room.deliver(name="po 4711.pdf", subject="Order \x1b[31m4711")
    room.fetch()

    answer = room.call("explain", "<1@a.example>")

    assert answer.code == 0
    assert "\x1b" not in answer.out
    for words in (
        "Delivered-To says orders+acme@in.example",
        "the first of its Message-ID",
        "text body",
        "po 4711.pdf",
        "document.created",
    ):
        assert words in answer.out


@pytest.mark.parametrize(
    "spelling",
    [
        pytest.param("{id}", id="id"),
        pytest.param("{start}", id="the beginning of an id"),
        pytest.param("{bare}", id="without hyphens, in capitals"),
        pytest.param("<1@a.example>", id="Message-ID"),
        pytest.param("1@a.example", id="Message-ID without brackets"),
    ],
)
def test_a_message_is_found_by(room: Room, spelling: str) -> None:
    room.deliver()
    room.fetch()
    (row,) = room.rows("messages")
    spelled = {"id": row["id"], "start": row["id"][:8], "bare": row["id"].replace("-", "").upper()}

    told = story(room, spelling.format(**spelled))

    assert told["message"]["id"] == row["id"]


@pytest.mark.parametrize("words", ["0123456", "01234567", "nobody@nowhere", "%", ""], ids=repr)
def test_what_is_not_there_is_said(room: Room, words: str) -> None:
    room.deliver()
    room.fetch()

    answer = room.call("explain", words)

    assert answer.code == 64
    assert "there is no message" in answer.err
    assert "postroom messages" in answer.err


def test_a_message_id_of_two_orgs_lists_both(room: Room) -> None:
    room.deliver("acme")
    room.deliver("beta")
    room.fetch()
    ids = {row["org"]: row["id"] for row in room.rows("messages")}

    answer = room.call("explain", "<1@a.example>")

    assert answer.code == 64
    assert f"{ids['acme']}  acme" in answer.err
    assert f"{ids['beta']}  beta" in answer.err


def test_a_conflict_names_the_mail_that_was_first(room: Room) -> None:
    room.deliver()
    room.fetch()
    room.deliver(body="other")
    room.fetch()
    first, second = sorted(room.rows("messages"), key=lambda row: bool(row["conflict"]))

    told, words = story(room, second["id"]), room.call("explain", second["id"])

    assert told["message"]["conflict_with"] == first["id"]
    assert told["copies"][0]["verdict"] == "conflict"
    assert f"a conflict: {first['id']}" in words.out


def test_every_attempt_is_told_with_its_reason(room: Room) -> None:
    room.deliver()
    with room.house() as opened:
        house = replace(opened, pace=replace(opened.pace, attempts=3))
        poll(house.sources["intake"], house)
        (stored,) = room.archive.rglob("raw/*/*")
        stored.write_bytes(b"forged")
        for hours in (0, 100, 200):
            later = [house.now() + timedelta(hours=hours)]
            extract_due(replace(house, now=partial(max, later)), until_empty=True)

    told, words = story(room, "<1@a.example>"), room.call("explain", "<1@a.example>")

    assert told["message"]["status"] == "failed"
    assert [(one["attempt"], one["code"]) for one in told["attempts"]] == [
        (1, "E-OBJECT-CORRUPT"),
        (2, "E-OBJECT-CORRUPT"),
        (3, "E-OBJECT-CORRUPT"),
    ]
    assert told["announcements"][0]["event"] == "message.failed"
    assert words.out.count("[E-OBJECT-CORRUPT]") == 3
    assert "owed, next at" in words.out


def test_who_is_at_a_mail_and_how_many_died_over_it_is_told(room: Room) -> None:
    room.deliver()
    with room.house() as house:
        poll(house.sources["intake"], house)
        for minutes, holder in ((0, "host-a:7"), (5, "host-b:9")):
            later = house.now() + timedelta(minutes=minutes)
            house.workbench.claim(limit=1, holder=holder, lease_seconds=30, now=later)

    told, words = story(room, "<1@a.example>")["work"], room.call("explain", "<1@a.example>").out

    assert (told["state"], told["holder"], told["deaths"]) == ("stored", "host-b:9", 1)
    assert told["leased_until"] == (later + timedelta(seconds=30)).isoformat()
    assert "at work on it host-b:9 until " in words
    assert "died over it  1\n" in words


def test_of_a_mail_that_is_through_nobody_is_at_work(room: Room) -> None:
    room.deliver()
    room.fetch()

    assert story(room, "<1@a.example>")["work"] is None


def test_a_mail_out_of_the_quarantine_says_who_gave_it_and_where_it_lay(room: Room) -> None:
    room.deliver("nope")
    room.fetch()
    room.call("quarantine", "assign", "1", "acme")

    told, words = story(room, "<1@a.example>"), room.call("explain", "<1@a.example>")

    assert told["quarantine"]["reason"] == 'no org "nope"'
    assert [copy["verdict"] for copy in told["copies"]] == ["quarantined", "accepted"]
    assert 'a person gave it to acme: quarantine entry 1 (no org "nope")' in words.out


def test_the_story_of_one_org_tells_nothing_of_another(room: Room) -> None:
    room.deliver("acme", name="acme.pdf")
    room.deliver("beta", name="beta.pdf")
    room.fetch()
    (row,) = room.rows("messages", "acme")

    answer, told = room.call("explain", row["id"]), story(room, row["id"])

    assert "beta" not in answer.out
    assert len(told["copies"]) == len(told["announcements"]) == 1


def test_a_documents_id_names_its_message(room: Room) -> None:
    room.deliver()
    room.fetch()
    (document,) = room.rows("documents")

    told = story(room, document["id"])

    assert told["message"]["id"] == document["message"]


@pytest.mark.parametrize("spelling", ["<1@a.example>", "1@a.example"])
def test_a_mail_that_no_org_has_is_found_in_quarantine(room: Room, spelling: str) -> None:
    room.deliver("nope")
    room.fetch()

    answer = room.call("explain", spelling)

    assert answer.code == 64
    assert f"no org has {spelling}: it is quarantine entry 1 (held)  [E-NOT-FOUND]" in answer.err
    assert "Fix: postroom quarantine show 1\n" in answer.err


def test_what_is_found_nowhere_names_both_lists(room: Room) -> None:
    room.deliver("nope")
    room.fetch()

    answer = room.call("explain", "<2@a.example>")

    assert answer.code == 64
    assert "Fix: postroom messages lists them; postroom quarantine list --all " in answer.err


@pytest.mark.parametrize("spelling", ["<7@a.example>", "7@a.example"])
def test_a_mail_of_a_mailbox_is_found_in_quarantine_by_its_message_id(room: Room, spelling: str) -> None:
    digest = hashlib.sha256(b"<7@a.example>").hexdigest()
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    held = Held("orders", "0" * 64, None, "too-large", "too large", "r", None, None, 9, moment)
    place = Place("orders", "INBOX", 1, 7)
    seen = Seen(place, Verdict.QUARANTINED, moment, 9, message_id_sha256=digest, held=held)
    with room.app() as app:
        app.inbox.commit(Intake(seen=[seen]), moment)
        app.quarantine.drop(1, moment)

    answer = room.call("explain", spelling)

    assert answer.code == 64
    assert f"no org has {spelling}: it is quarantine entry 1 (dropped)  [E-NOT-FOUND]" in answer.err
    assert "Fix: postroom quarantine show 1\n" in answer.err


def test_text_that_looks_like_plain_text_is_no_contradiction(room: Room) -> None:
    maildir.deliver(
        room.maildir,
        b"Delivered-To: orders+acme@in.example\nReceived: by mx\nMessage-ID: <h@a.example>\n"
        b"MIME-Version: 1.0\nContent-Type: text/html\n\n<p>hello</p>\n",
    )
    room.fetch()

    words = room.call("explain", "<h@a.example>").out

    assert "text/html" in words
    assert "looks like" not in words
