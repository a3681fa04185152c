"""`postroom org`: orgs are made, named, suspended and resumed, and mail follows at once."""

from __future__ import annotations

import json

import pytest

from tests.unit.cli.room import Room


def test_a_new_org_gets_its_mail(room: Room) -> None:
    answer = room.call("org", "add", "gamma", "--name", "Gamma Ltd", "--allow-from", "*@a.example")
    room.deliver("gamma")
    room.fetch()

    assert answer.code == 0
    assert answer.out == "added gamma: its mail comes to orders+gamma@in.example\n"
    assert [row["org"] for row in room.rows("messages")] == ["gamma"]


def test_the_list_has_stable_keys(room: Room) -> None:
    acme, beta = room.rows("org", "list")

    assert list(acme) == ["org", "name", "aliases", "allow_from", "suspended", "created_at"]
    assert beta["aliases"] == ["bta"]
    assert acme | {"created_at": ""} == {
        "org": "acme",
        "name": "Acme GmbH",
        "aliases": [],
        "allow_from": [],
        "suspended": False,
        "created_at": "",
    }


def test_the_list_is_a_table_for_people(room: Room) -> None:
    lines = room.call("org", "list").out.splitlines()

    assert lines[0].split() == ["org", "name", "aliases", "senders", "state"]
    assert lines[1].split() == ["acme", "Acme", "GmbH", "-", "all", "active"]


def test_an_org_is_shown_with_its_counts(room: Room) -> None:
    room.deliver("acme")
    room.deliver("beta", number=2)
    room.fetch()

    answer, shown = json.loads(room.call("org", "show", "bta", "--json").out), room.call("org", "show", "bta")

    assert answer["org"] == "beta"
    assert answer["messages"] == {"received": 0, "stored": 0, "parsed": 1, "failed": 0}
    assert answer["documents"] == 1
    assert "address       orders+beta@in.example" in shown.out
    assert "messages      1 parsed" in shown.out


def test_a_suspended_org_gets_no_mail_until_it_is_resumed(room: Room) -> None:
    suspended = room.call("org", "suspend", "acme")
    room.deliver(number=1)
    room.fetch()
    resumed = room.call("org", "suspend", "acme", "--resume")
    room.deliver(number=2)
    room.fetch()

    assert (suspended.code, resumed.code) == (0, 0)
    assert [row["source_message_id"] for row in room.rows("messages")] == ["<2@a.example>"]
    assert [row["reason"] for row in room.rows("quarantine", "list")] == ['the org "acme" is suspended']


def test_mail_for_an_alias_is_mail_for_the_org(room: Room) -> None:
    answer = room.call("org", "alias", "acme", "acme-inc")
    room.deliver("acme-inc")
    room.fetch()

    assert answer.out == "acme has 1 alias: acme-inc\n"
    assert [row["org"] for row in room.rows("messages")] == ["acme"]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        pytest.param("add acme", 64, "already names the org acme", id="taken"),
        pytest.param("add bta", 64, "already names the org beta", id="taken by an alias"),
        pytest.param("add Acme_Inc", 64, "is no slug", id="no slug"),
        pytest.param("alias acme beta", 64, "already names the org beta", id="alias taken"),
        pytest.param("alias nope x", 67, 'there is no org "nope"', id="alias for nobody"),
        pytest.param("show nope", 67, 'there is no org "nope"', id="show"),
        pytest.param("suspend nope", 67, 'there is no org "nope"', id="suspend"),
    ],
)
def test_what_cannot_be_is_said_and_changes_nothing(room: Room, words: str, code: int, told: str) -> None:
    before = room.rows("org", "list")

    answer = room.call("org", *words.split())

    assert answer.code == code
    assert told in answer.err
    assert room.rows("org", "list") == before


def test_mail_that_waits_for_a_new_org_is_named_with_what_gives_it_to_it(room: Room) -> None:
    for number, tag in enumerate(("gamma", "delta", "gamma"), start=1):
        room.deliver(tag, number=number)
    room.fetch()

    added, aliased = room.call("org", "add", "gamma"), room.call("org", "alias", "acme", "delta")

    assert added.out.splitlines()[1:] == [
        "2 mails for it wait: postroom quarantine assign 1 gamma",
        "                     postroom quarantine assign 3 gamma",
    ]
    assert aliased.out.splitlines()[1:] == ["1 mail for it waits: postroom quarantine assign 2 acme"]


def test_an_org_that_is_there_already_is_shown_the_way_to(room: Room) -> None:
    answer = room.call("org", "add", "bta")

    assert answer.code == 64
    assert '"bta" already names the org beta' in answer.err
    assert "Fix: postroom org show beta\n" in answer.err
