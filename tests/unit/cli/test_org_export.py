"""`postroom org export`: an MTA learns which addresses there are."""

from __future__ import annotations

import pytest

from tests.unit.cli.room import CONFIG, Room


def test_every_org_and_alias_has_its_address(room: Room) -> None:
    room.call("org", "add", "gamma")
    room.call("org", "suspend", "gamma")

    answer = room.call("org", "export")

    assert answer.code == 0
    assert answer.out.splitlines() == [
        "orders+acme@in.example",
        "orders+beta@in.example",
        "orders+bta@in.example",
        "orders+gamma@in.example",
    ]


def test_postfix_gets_a_value_behind_each_address(room: Room) -> None:
    plain = room.call("org", "export", "--postfix")
    maildir = room.call("org", "export", "--postfix", "--value", "orders/")

    assert plain.out.splitlines()[0] == "orders+acme@in.example OK"
    assert maildir.out.splitlines()[0] == "orders+acme@in.example orders/"


def test_a_file_is_replaced_whole(room: Room) -> None:
    room.path("map").write_text("something longer than what comes" * 100)

    answer = room.call("org", "export", "-o", str(room.path("map")))

    assert answer.code == 0
    assert (
        room.path("map").read_text()
        == "orders+acme@in.example\norders+beta@in.example\norders+bta@in.example\n"
    )


def test_letters_are_as_postfix_looks_them_up(room: Room) -> None:
    room.path("postroom.toml").write_text(
        CONFIG.replace("orders+{org}@in.example", "Orders+{org}@In.Example")
    )

    answer = room.call("org", "export")

    assert answer.out.splitlines()[0] == "orders+acme@in.example"


@pytest.mark.parametrize("address", ["*+{org}@in.example", "orders+{org}@*"])
def test_addresses_that_are_left_open_cannot_be_listed(room: Room, address: str) -> None:
    room.path("postroom.toml").write_text(CONFIG.replace("orders+{org}@in.example", address))

    answer = room.call("org", "export")

    assert (answer.code, answer.out) == (78, "")
    assert "leaves open what an address looks like" in answer.err


def test_a_value_without_a_table_is_refused(room: Room) -> None:
    answer = room.call("org", "export", "--value", "orders/")

    assert answer.code == 64
