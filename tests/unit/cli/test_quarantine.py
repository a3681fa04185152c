"""`postroom quarantine`: what no org got is listed, shown, assigned or dropped, and its bytes are kept."""

from __future__ import annotations

import json

import pytest

from tests.unit.cli.room import CONFIG, Room

KEYS = "id source reason recipient from subject size raw_sha256 seen_at state"


def test_each_line_of_json_has_the_stable_keys_in_their_order(room: Room) -> None:
    raw = room.deliver("nope", subject="Hello")
    room.fetch()

    row = json.loads(room.call("quarantine", "list", "--json").out)

    assert " ".join(row) == KEYS
    assert len(row["raw_sha256"]) == 64
    assert row["seen_at"].endswith("+00:00")
    assert row | {"raw_sha256": "", "seen_at": ""} == {
        "id": 1,
        "source": "intake",
        "reason": 'no org "nope"',
        "recipient": "orders+nope@in.example",
        "from": "ann@a.example",
        "subject": "Hello",
        "size": len(raw),
        "raw_sha256": "",
        "seen_at": "",
        "state": "held",
    }


def test_the_list_is_a_table_with_the_oldest_first(room: Room) -> None:
    for number in (1, 2, 3):
        room.deliver("nope", number=number)
    room.fetch()

    answer = room.call("quarantine", "list", "--limit", "2")

    assert [line.split()[0] for line in answer.out.splitlines()] == ["id", "1", "2"]
    assert answer.err == "only the first 2 are shown: --limit N shows more\n"


def test_an_empty_quarantine_is_no_error(room: Room) -> None:
    assert room.rows("quarantine", "list") == []
    assert room.call("quarantine", "list").code == 0


def test_an_entry_shows_what_can_be_done(room: Room) -> None:
    room.deliver("nope")
    room.fetch()

    out = room.call("quarantine", "show", "1").out

    assert 'no org "nope"  [unknown-org]' in out
    assert "postroom org add nope\n" in out
    assert "postroom quarantine assign 1 nope\n" in out
    assert "postroom quarantine drop 1\n" in out


def test_an_entry_is_written_out_as_it_came(room: Room) -> None:
    raw = room.deliver("nope")
    room.fetch()

    answer = room.call("quarantine", "show", "1", "-o", "mail.eml")

    assert answer.code == 0
    assert room.path("mail.eml").read_bytes() == raw


def test_an_assigned_mail_is_taken_in_for_its_org_only(room: Room) -> None:
    room.deliver("nope")
    room.fetch()

    answer = room.call("quarantine", "assign", "1", "bta")

    assert answer.code == 0
    assert answer.out == "assigned 1 to beta: 1 document\n"
    assert room.rows("quarantine", "list") == []
    assert [row["org"] for row in room.rows("messages")] == ["beta"]
    assert room.rows("documents", "acme") == []


def test_a_dropped_mail_leaves_the_list_and_its_bytes_stay(room: Room) -> None:
    room.deliver("nope")
    room.fetch()
    before = list(room.archive.rglob("_quarantine/raw/*/*"))

    answer = room.call("quarantine", "drop", "1")

    assert answer.code == 0
    assert answer.out.startswith("dropped 1; the raw mail is kept as _quarantine/raw/")
    assert room.rows("quarantine", "list") == []
    assert list(room.archive.rglob("_quarantine/raw/*/*")) == before
    assert "state         dropped" in room.call("quarantine", "show", "1").out


@pytest.mark.parametrize("words", ["drop 1", "assign 1 acme"])
def test_a_closed_entry_is_not_closed_again(room: Room, words: str) -> None:
    room.deliver("nope")
    room.fetch()
    room.call("quarantine", "drop", "1")

    answer = room.call("quarantine", *words.split())

    assert answer.code == 64
    assert "already" in answer.err
    assert room.rows("messages") == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        pytest.param("show 7", 64, id="show"),
        pytest.param("drop 7", 64, id="drop"),
        pytest.param("assign 7 acme", 64, id="assign"),
        pytest.param("assign 1 nope", 67, id="to an org that is not there"),
        pytest.param("show 99999999999999999999", 64, id="a number beyond all"),
        pytest.param("show one", 64, id="no number"),
    ],
)
def test_what_is_not_there_is_said(room: Room, words: str, code: int) -> None:
    room.deliver("nope")
    room.fetch()

    answer = room.call("quarantine", *words.split())

    assert answer.code == code
    assert "E-BUG" not in answer.err


def test_the_closed_ones_are_listed_too_when_asked_for(room: Room) -> None:
    for number in (1, 2):
        room.deliver("nope", number=number)
    room.fetch()
    room.call("quarantine", "drop", "1")

    answer, rows = room.call("quarantine", "list", "--all"), room.rows("quarantine", "list", "--all")

    assert [line.split()[:2] for line in answer.out.splitlines()] == [
        ["id", "state"],
        ["1", "dropped"],
        ["2", "held"],
    ]
    assert [row["state"] for row in rows] == ["dropped", "held"]


def test_a_file_over_the_size_limit_is_held_whole_and_given_whole(room: Room) -> None:
    room.path("postroom.toml").write_text(CONFIG + '[limits]\nmessage = "20KB"\n')
    raw = room.deliver(body="x" * 30_000)
    room.fetch()

    answer = room.call("quarantine", "assign", "1", "acme")

    (message,) = room.rows("messages")
    assert answer.out == "assigned 1 to acme: 1 document\n"
    assert (message["size"], message["duplicates"]) == (len(raw), 0)
