"""`postroom messages`: every message under stable keys, no other org's, and its raw bytes on request."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import pytest

from tests.unit.cli.room import Room

KEYS = (
    "id org source source_message_id status received_at subject from recipient size raw_sha256 documents"
    " duplicates conflict attempts error defects limits"
)


def test_each_line_of_json_has_the_stable_keys_in_their_order(room: Room) -> None:
    raw = room.deliver(subject="Order 4711")
    room.fetch()

    line = room.call("messages", "--json").out

    row = json.loads(line)
    assert " ".join(row) == KEYS
    assert row | {"id": "", "received_at": "", "raw_sha256": ""} == {
        "id": "",
        "org": "acme",
        "source": "EMAIL",
        "source_message_id": "<1@a.example>",
        "status": "parsed",
        "received_at": "",
        "subject": "Order 4711",
        "from": "ann@a.example",
        "recipient": "orders+acme@in.example",
        "size": len(raw),
        "raw_sha256": "",
        "documents": 1,
        "duplicates": 0,
        "conflict": False,
        "attempts": 1,
        "error": None,
        "defects": [],
        "limits": [],
    }
    assert row["received_at"].endswith("+00:00")
    assert line.isascii()


def test_a_further_copy_is_counted_and_other_content_under_the_same_id_is_flagged(room: Room) -> None:
    room.deliver()
    room.deliver()
    room.deliver(body="other")
    room.fetch()

    rows = room.rows("messages")

    told = sorted((row["conflict"], row["duplicates"], row["documents"]) for row in rows)
    assert told == [(False, 1, 1), (True, 0, 1)]


def test_a_message_that_failed_says_why(room: Room) -> None:
    room.fail(number=1)

    (row,) = room.rows("messages", "--status", "failed")

    assert row["status"] == "failed"
    assert row["attempts"] == 1
    assert list(row["error"]) == ["code", "message"]
    assert row["error"]["code"] == "E-OBJECT-MISSING"


def test_the_listing_of_an_org_shows_no_other_org(room: Room) -> None:
    room.deliver("acme", number=1)
    room.deliver("beta", number=2)
    room.deliver("nope", number=3)
    room.fetch()

    acme, by_alias = room.rows("messages", "acme"), room.rows("messages", "bta")

    assert [(row["org"], row["source_message_id"]) for row in acme] == [("acme", "<1@a.example>")]
    assert [(row["org"], row["source_message_id"]) for row in by_alias] == [("beta", "<2@a.example>")]
    assert "beta" not in room.call("messages", "acme").out


def test_all_orgs_are_listed_with_the_newest_first(room: Room) -> None:
    for number, tag in enumerate(["acme", "beta", "acme", "beta"], start=1):
        room.deliver(tag, number=number)
        room.fetch()

    rows = room.rows("messages")

    assert [row["source_message_id"][1] for row in rows] == ["4", "3", "2", "1"]


def test_a_limit_cuts_the_listing_and_the_table_says_so(room: Room) -> None:
    for number in (1, 2, 3):
        room.deliver(number=number)
    room.fetch()

    two, table = room.rows("messages", "--limit", "2"), room.call("messages", "--limit", "2")

    assert len(two) == 2
    assert len(table.out.splitlines()) == 3
    assert table.err == "only the first 2 are shown: --limit N shows more\n"


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        pytest.param(["--status", "parsed"], ["<1@a.example>"], id="status"),
        pytest.param(["--status", "stored"], [], id="a status that none has"),
        pytest.param(["--source", "intake", "--status", "failed"], ["<2@a.example>"], id="source and status"),
        pytest.param(["--since", "1h", "acme"], ["<1@a.example>", "<2@a.example>"], id="since"),
        pytest.param(
            ["--since", "999999d"], ["<1@a.example>", "<2@a.example>"], id="since before the calendar"
        ),
    ],
)
def test_filters_narrow_the_listing(room: Room, arguments: list[str], found: list[str]) -> None:
    room.deliver(number=1)
    room.fetch()
    room.fail(number=2)

    rows = room.rows("messages", *arguments)

    assert sorted(row["source_message_id"] for row in rows) == found


def test_older_mail_is_outside_since(room: Room) -> None:
    room.deliver()
    (delivered,) = (room.maildir / "new").iterdir()
    os.utime(delivered, (1_700_000_000, 1_700_000_000))
    delivered.rename(delivered.with_name(f"1700000000{delivered.name[10:]}"))
    room.fetch()

    assert room.rows("messages", "--since", "1d") == []


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        pytest.param(["nope"], 67, 'there is no org "nope"', id="org"),
        pytest.param(["--source", "nope"], 64, "there is no source nope", id="source"),
        pytest.param(["--since", "soon"], 64, "soon is no duration", id="since"),
        pytest.param(["--raw", "01234567", "-o", "x"], 64, "there is no message 01234567", id="id"),
    ],
)
def test_what_is_not_there_is_said_with_the_way_out(
    room: Room, arguments: list[str], code: int, words: str
) -> None:
    answer = room.call("messages", *arguments)

    assert answer.code == code
    assert answer.out == ""
    assert words in answer.err


def test_no_messages_is_no_error(room: Room) -> None:
    assert room.rows("messages") == []
    assert room.call("messages").code == 0


# --- raw mails -------------------------------------------------------------------------------------


def test_the_raw_mail_comes_out_as_it_came_in(room: Room) -> None:
    raw = room.deliver()
    room.fetch()
    (row,) = room.rows("messages")

    answer = room.call("messages", "--raw", row["id"], "-o", "mail.eml")

    assert answer.code == 0
    assert room.path("mail.eml").read_bytes() == raw
    assert stat.S_IMODE(room.path("mail.eml").stat().st_mode) == 0o600
    assert room.call("messages", "--raw", row["id"][:18], "-o", "-").out.encode() == raw
    assert [path.name for path in room.folder.iterdir() if path.name.startswith(".")] == []


def test_an_id_of_another_org_is_not_found_in_this_one(room: Room) -> None:
    room.deliver("beta")
    room.fetch()
    (row,) = room.rows("messages")

    answer = room.call("messages", "acme", "--raw", row["id"], "-o", "mail.eml")

    assert answer.code == 64
    assert not room.path("mail.eml").exists()


def test_raw_bytes_that_the_disk_changed_are_not_handed_out(room: Room) -> None:
    room.deliver()
    room.fetch()
    (stored,) = room.archive.rglob("raw/*/*")
    stored.write_bytes(b"forged")
    (row,) = room.rows("messages")

    answer = room.call("messages", "--raw", row["id"], "-o", "mail.eml")

    assert answer.code == 74
    assert "E-OBJECT-CORRUPT" in answer.err
    assert not room.path("mail.eml").exists()


def test_an_id_that_several_share_lists_them(room: Room) -> None:
    room.deliver("acme")
    room.deliver("beta")
    room.fetch()
    ids = [row["id"] for row in room.rows("messages")]

    answer = room.call("messages", "--raw", "<1@a.example>", "-o", "mail.eml")

    assert answer.code == 64
    assert [one for one in ids if one not in answer.err] == []


# --- what a terminal must not obey -----------------------------------------------------------------


def test_a_subject_cannot_steer_the_terminal(room: Room) -> None:
    room.deliver(subject="\x1b]0;owned\x07\x9b31m[red]Pay\u202enow")
    room.fetch()

    out = room.call("messages").out

    assert [letter for letter in out if not letter.isprintable() and letter != "\n"] == []
    assert "[red]Pay" in out


def test_raw_bytes_are_not_written_to_a_terminal(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    room.deliver()
    room.fetch()
    reading, writing = os.openpty()

    with os.fdopen(writing, "w", encoding="utf-8") as terminal, monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", terminal)
        answer = room.call("messages", "--raw", "<1@a.example>", "-o", "-")
    os.close(reading)

    assert answer.code == 64
    assert "standard output is a terminal" in answer.err


def test_a_terminal_with_another_encoding_is_no_bug(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    room.deliver(subject="Grüße \U0001f600")
    room.fetch()
    path: Path = room.path("out.txt")

    with path.open("w", encoding="latin-1") as terminal, monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", terminal)
        code = room.call("messages").code

    assert code == 0
    assert "Grüße \\U0001f600" in path.read_text(encoding="latin-1")
