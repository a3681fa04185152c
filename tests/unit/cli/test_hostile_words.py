"""What a mail says of itself cannot break a terminal, a line, a path, a key, a table or a statement."""

from __future__ import annotations

import json
import re
import unicodedata
from pathlib import Path

import pytest
from sqlalchemy import inspect

from postroom import maildir
from tests.hostile_mail import HOSTILE, hostile_mail
from tests.unit.cli.room import CONFIG, Room
from tests.unit.cli.words import Answer

KEY = re.compile(r"(_quarantine|[0-9a-f-]{36})/(raw|doc)/[0-9a-f]{2}/[0-9a-f]{64}")


@pytest.fixture
def hostile(room: Room) -> Room:
    """Return a postroom with two mails for all words, which are wherever a mail can hold them."""
    room.path("postroom.toml").write_text(
        CONFIG.replace('level = "error"', 'level = "debug"\nformat = "json"')
    )
    for number, words in enumerate(HOSTILE.values()):
        maildir.deliver(room.maildir, hostile_mail(words, tag="acme", number=number))
        maildir.deliver(room.maildir, hostile_mail(words, tag="nope", number=number))
        room.path(f"{number}.eml").write_bytes(hostile_mail(words, tag="beta", number=number))
    return room


def require_harmless(words: list[str], answer: Answer) -> None:
    assert answer.code == 0, (words, answer.err)
    unseen = {
        letter
        for letter in answer.out + answer.err
        if unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    }
    assert (words, unseen - {"\n"}) == (words, set())


@pytest.mark.timeout(180)
def test_no_command_shows_what_a_terminal_would_obey(hostile: Room) -> None:
    mails = [f"{number}.eml" for number in range(len(HOSTILE))]
    require_harmless(["dry run"], hostile.call("fetch", "--once", "--dry-run"))
    require_harmless(["fetch"], hostile.call("fetch", "--once"))
    ids = [row["id"] for row in hostile.rows("messages")]
    document = hostile.rows("documents")[0]["id"]

    for words in (
        *(["messages", *more] for more in ([], ["--json"])),
        *(["documents", *more] for more in ([], ["--json"])),
        *(["quarantine", "list", *more] for more in ([], ["--json"])),
        *(["quarantine", "show", str(number + 1)] for number in range(len(HOSTILE))),
        *(["explain", each, *more] for each in ids for more in ([], ["--json"])),
        ["explain", document],
        ["status"],
        ["status", "--json"],
        ["inspect", *mails],
        ["inspect", "--json", *mails],
        ["replay", *ids],
        ["replay", "--json", *ids],
        ["audit"],
        ["audit", "--json"],
        ["quarantine", "assign", "1", "beta", "--always"],
        ["quarantine", "rules"],
        ["quarantine", "forget", "1"],
        ["ingest", *mails, "--to", "orders+beta@in.example"],
    ):
        require_harmless(words, hostile.call(*words))


def test_each_line_of_json_and_each_event_of_the_log_is_one_object(hostile: Room) -> None:
    answers = [
        hostile.call("fetch", "--once", "--json"),
        hostile.call("messages", "--json"),
        hostile.call("documents", "--json"),
        hostile.call("quarantine", "list", "--json"),
    ]

    out = [line for answer in answers for line in answer.out.split("\n") if line]
    events = [json.loads(line) for line in answers[0].err.split("\n") if line]
    assert [type(json.loads(line)) for line in out] == [dict] * len(out)
    assert all(line.isascii() for line in out)
    assert {event.get("org") for event in events} == {None, "acme"}
    assert [event["event"] for event in events].count("parsed") == len(HOSTILE)


def test_no_word_of_a_mail_is_a_path_or_a_key(hostile: Room, tmp_path: Path) -> None:
    def outside() -> set[Path]:
        return {path for path in tmp_path.rglob("*") if hostile.archive not in path.parents}

    hostile.call("fetch", "--once")
    before, rows = outside(), hostile.rows("documents")
    for row in rows:
        hostile.call("documents", "--get", row["id"], "-o", "got", "--force")

    keys = [str(path.relative_to(hostile.archive)) for path in hostile.archive.rglob("*") if path.is_file()]
    assert len(rows) == 2 * len(HOSTILE)
    assert [key for key in keys if not KEY.fullmatch(key)] == []
    assert outside() - before == {hostile.path("got")}
    assert [row["filename"] for row in rows if set(row["filename"]) & set('/\\:\x00"')] == []
    assert {"", ".", ".."} & {row["filename"] for row in rows} == set()


def test_no_word_of_a_mail_is_a_statement(hostile: Room) -> None:
    hostile.call("fetch", "--once")

    with hostile.app() as app:
        tables = set(inspect(app.database.engine).get_table_names())
    assert {"inbound_message", "document", "sighting", "quarantine"} <= tables
    assert [len(hostile.rows(*command)) for command in (["messages"], ["quarantine", "list"])] == [
        len(HOSTILE),
        len(HOSTILE),
    ]
