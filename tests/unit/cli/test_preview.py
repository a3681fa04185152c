"""`postroom fetch --once --dry-run`: what would become of each mail, and nothing is done."""

from __future__ import annotations

import json

from tests.unit.cli.room import Room


def test_each_mail_is_a_line_with_its_verdict_and_the_way_out(room: Room) -> None:
    for number, tag in enumerate(("acme", "beta", "nope"), start=1):
        room.deliver(tag, number=number)

    answer = room.call("fetch", "--once", "--dry-run")

    heading, *lines, end = answer.out.splitlines()
    assert answer.code == 0
    assert heading.split() == ["source", "from", "size", "verdict", "why"]
    assert sorted(line.split(maxsplit=5)[4:] for line in lines) == [
        ["accepted", "for acme"],
        ["accepted", "for beta"],
        ["quarantined", 'no org "nope": postroom org add nope'],
    ]
    assert end == "3 mails: 2 for 2 orgs, 1 to quarantine"
    assert room.rows("messages") == room.rows("quarantine", "list") == []


def test_a_mail_that_was_taken_already_is_a_duplicate(room: Room) -> None:
    room.deliver()
    room.fetch()
    room.deliver()

    answer = room.call("fetch", "--once", "--dry-run")

    assert answer.out.splitlines()[-1] == "1 mail: 1 duplicate"


def test_nothing_new_is_said(room: Room) -> None:
    answer = room.call("fetch", "--once", "--dry-run")

    assert answer.out == "nothing new in 1 source\n"


def test_a_machine_gets_no_message_id_where_none_is_known(room: Room) -> None:
    room.deliver("acme")
    room.deliver("nope", number=2)

    answer = room.call("fetch", "--once", "--dry-run", "--json")

    taken, held = sorted(map(json.loads, answer.out.splitlines()), key=lambda row: str(row["verdict"]))
    assert taken["message_id"] == "<1@a.example>"
    assert "message_id" not in held
    assert (taken["from"], held["from"]) == ("ann@a.example", "ann@a.example")
