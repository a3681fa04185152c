"""`postroom replay`: extraction once more, out of the archive, and what it changed."""

from __future__ import annotations

import pytest

from tests.unit.cli.room import CONFIG, Room

KEYS = "id org before after documents new gone error"


def test_a_message_that_was_parsed_keeps_the_documents_that_stay_the_same(room: Room) -> None:
    room.deliver()
    room.fetch()
    (message,), documents = room.rows("messages"), room.rows("documents")

    answer = room.call("replay", message["id"])

    assert answer.out == f"{message['id']}  acme  Order: parsed -> parsed, 1 document, none changed\n"
    assert room.rows("documents") == documents


def test_what_other_rules_make_of_a_message_is_said(room: Room) -> None:
    room.deliver()
    room.fetch()
    (message,), (document,) = room.rows("messages"), room.rows("documents")
    room.path("postroom.toml").write_text(CONFIG + '[documents]\nkinds = ["image/*"]\nbody = ["text"]\n')

    (row,) = room.rows("replay", message["id"])

    assert " ".join(row) == KEYS
    assert (row["documents"], len(row["new"]), row["gone"]) == (1, 1, [document["id"]])


def test_a_failed_message_whose_raw_mail_was_put_back_is_parsed(room: Room) -> None:
    raw = room.deliver(number=1, subject="lost")
    next((room.maildir / "new").iterdir()).unlink()
    room.fail(number=1)
    (message,) = room.rows("messages")
    (place,) = (
        line.split()[-1]
        for line in room.call("explain", message["id"]).out.splitlines()
        if "archived as" in line
    )

    in_vain = room.call("replay", message["id"])
    (room.archive / place).write_bytes(raw)
    answer = room.call("replay", "--failed")

    who = f"{message['id']}  acme  lost"
    assert in_vain.out == f"{who}: failed -> failed  [E-OBJECT-MISSING], 0 documents, none changed\n"
    assert answer.out == f"{who}: failed -> parsed, 1 document, 1 new\n"


def test_the_failed_ones_of_one_org_or_code_are_chosen(room: Room) -> None:
    room.fail(number=1)

    other_org, other_code, all_of_them = (
        room.rows("replay", "--failed", *more)
        for more in (("--org", "beta"), ("--code", "E-BUG"), ("--org", "acme"))
    )

    assert (other_org, other_code, len(all_of_them)) == ([], [], 1)


@pytest.mark.parametrize("words", ["", "--org acme", "--failed abcdef01"])
def test_what_is_meant_must_be_said(room: Room, words: str) -> None:
    assert room.call("replay", *words.split()).code == 64


def test_one_that_is_not_there_stops_all_before_the_first(room: Room) -> None:
    room.deliver()
    room.fetch()
    (message,) = room.rows("messages")

    answer = room.call("replay", message["id"], "<nowhere@x>")

    assert (answer.code, answer.out) == (64, "")
    assert room.rows("messages")[0]["attempts"] == message["attempts"]
