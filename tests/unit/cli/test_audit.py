"""`postroom audit`: sources, rows, archive and documents are held against each other, and mended."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, delete, select, update

from postroom.db.machinery import OUTBOX, SIGHTING, WORK
from postroom.db.tables import DOCUMENT, INBOUND_MESSAGE, PART
from tests.databases import every_row
from tests.unit.cli.room import PDF, Room

KEYS = "sources copies waiting rows objects documents orphans repaired unaccounted away problems"
PROBLEM_KEYS = "what org message quarantine key source place repaired"


def change(room: Room, *statements: Any) -> None:
    """Change rows as no code of ours would."""
    with room.app() as app, every_row(app.database) as connection:
        for statement in statements:
            connection.execute(statement)


def the_file(room: Room, kind: str) -> Path:
    (path,) = room.archive.glob(f"*/{kind}/*/*")
    return path


def forget_message(connection: Connection) -> None:
    for table in (DOCUMENT, PART, OUTBOX, SIGHTING, WORK, INBOUND_MESSAGE):
        connection.execute(delete(table))


def test_where_all_adds_up_the_last_line_says_so(room: Room) -> None:
    room.deliver(number=1)
    room.deliver("nope", number=2)
    room.fetch()
    room.deliver(number=3)

    answer = room.call("audit")

    assert answer.code == 0
    assert answer.out == ("1 source with 1 mail (1 waiting), 2 rows, 3 objects, 1 document\nunaccounted=0\n")


def test_a_person_at_a_terminal_sees_how_far_it_is(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in (1, 2):
        room.deliver(number=number)
    room.fetch()
    reading, writing = os.openpty()

    with os.fdopen(writing, "w", encoding="utf-8") as terminal, monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", terminal)
        answer = room.call("audit")
        terminal.flush()
        shown = os.read(reading, 65_536).decode()
    os.close(reading)

    assert answer.code == 0
    assert "auditing" in shown
    assert "100%" in shown


def test_an_empty_postroom_adds_up(room: Room) -> None:
    assert room.call("audit").out.endswith("unaccounted=0\n")


def test_the_json_object_has_the_stable_keys_in_their_order(room: Room) -> None:
    room.deliver()
    room.fetch()
    the_file(room, "doc").unlink()

    (row,) = room_rows(room, code=1)

    assert " ".join(row) == KEYS
    assert " ".join(row["problems"][0]) == PROBLEM_KEYS
    assert (row["rows"], row["documents"], row["unaccounted"]) == (1, 1, 1)


def room_rows(room: Room, *options: str, code: int = 0) -> list[dict[str, Any]]:
    answer = room.call("audit", *options, "--json")
    assert answer.code == code, answer.err
    return [json.loads(line) for line in answer.out.splitlines()]


@pytest.mark.parametrize(
    ("kind", "damage", "found"),
    [
        pytest.param("raw", "lose", "raw-missing", id="a raw mail that is gone"),
        pytest.param("raw", "spoil", "raw-damaged", id="a raw mail with other bytes"),
        pytest.param("doc", "lose", "document-missing", id="a document that is gone"),
        pytest.param("doc", "spoil", "document-damaged", id="a document with other bytes"),
    ],
)
def test_what_the_archive_lost_is_one_line_and_exit_1(room: Room, kind: str, damage: str, found: str) -> None:
    room.deliver()
    room.fetch()
    path = the_file(room, kind)
    path.unlink() if damage == "lose" else path.write_bytes(b"x" * path.stat().st_size)

    answer = room.call("audit")

    (message,) = room.rows("messages")
    problem, _counts, last = answer.out.splitlines()
    assert answer.code == 1
    assert problem.startswith(f"{found}  acme  message {message['id']}  {path.relative_to(room.archive)}: ")
    assert last == "unaccounted=1"


def test_a_quick_audit_reads_no_object_and_still_sees_what_is_gone_or_cut(room: Room) -> None:
    for number in (1, 2):
        room.deliver(number=number)
    room.fetch()
    first, second = sorted(room.archive.glob("*/raw/*/*"))
    first.write_bytes(b"x" * first.stat().st_size)
    second.write_bytes(b"x")

    answer = room.call("audit", "--quick")

    assert [line.split()[0] for line in answer.out.splitlines()[:-2]] == ["raw-damaged"]
    assert second.name in answer.out


def test_a_lost_document_is_extracted_again_under_its_own_id(room: Room) -> None:
    room.deliver()
    room.fetch()
    (before,) = room.rows("documents")
    the_file(room, "doc").unlink()

    answer = room.call("audit", "--repair")

    assert (answer.code, answer.out.splitlines()[-1]) == (0, "unaccounted=0")
    assert "1 repaired" in answer.out
    assert (the_file(room, "doc").read_bytes(), room.rows("documents")) == (PDF, [before])
    assert room.call("audit").out.endswith("unaccounted=0\n")


def test_a_document_that_was_never_written_is_written(room: Room) -> None:
    room.deliver()
    room.fetch()
    change(room, update(OUTBOX).values(document_id=None), delete(DOCUMENT))

    found = room.call("audit")
    room.call("audit", "--repair")

    assert found.out.splitlines()[1].startswith("document-not-written  acme  message ")
    assert len(room.rows("documents")) == 1


def test_a_document_of_a_raw_mail_that_is_lost_too_is_not_called_repaired(room: Room) -> None:
    room.deliver()
    room.fetch()
    the_file(room, "doc").unlink()
    the_file(room, "raw").unlink()

    answer = room.call("audit", "--repair")

    assert answer.code == 1
    assert answer.out.endswith("unaccounted=2\n")
    assert [row["status"] for row in room.rows("messages")] == ["parsed"]


def test_a_message_that_nobody_would_look_at_again_is_queued(room: Room) -> None:
    room.deliver()
    room.fetch()
    change(room, update(INBOUND_MESSAGE).values(status="stored"))

    found, repaired = room.call("audit"), room.call("audit", "--repair")

    assert found.out.startswith("not-queued  acme  message ")
    assert (found.code, repaired.code) == (1, 0)
    assert [row["status"] for row in room.rows("messages")] == ["parsed"]


def test_an_announcement_that_nobody_would_make_is_made(room: Room) -> None:
    room.deliver()
    room.fetch()
    change(room, update(OUTBOX).values(announced_at=None), delete(WORK))

    found, repaired = room.call("audit"), room.call("audit", "--repair")

    assert found.out.startswith("not-announced  acme  message ")
    assert (found.code, repaired.code) == (1, 0)
    with room.app() as app, every_row(app.database) as connection:
        assert connection.scalars(select(OUTBOX.c.announced_at)).one() is not None


def test_a_raw_mail_without_a_row_is_an_orphan_and_is_taken_in_by_a_repair(room: Room) -> None:
    room.deliver()
    room.fetch()
    with room.app() as app, every_row(app.database) as connection:
        forget_message(connection)

    found, repaired = room.call("audit"), room.call("audit", "--repair")

    assert (found.code, found.out.splitlines()[-1]) == (0, "unaccounted=0")
    assert [line.split()[0] for line in found.out.splitlines()[:2]] == ["orphan", "orphan"]
    assert repaired.code == 0
    assert [(row["org"], row["subject"], row["documents"]) for row in room.rows("messages")] == [
        ("acme", "Order", 1)
    ]
    assert "orphan" not in room.call("audit").out


def test_the_raw_mail_of_a_quarantine_entry_is_looked_for_too(room: Room) -> None:
    room.deliver("nope")
    room.fetch()
    the_file_of_nobody = next(room.archive.glob("_quarantine/raw/*/*"))
    the_file_of_nobody.unlink()

    answer = room.call("audit", "--repair")

    assert answer.code == 1
    assert answer.out.startswith("raw-missing  quarantine entry 1  _quarantine/raw/")


def test_a_file_of_a_maildir_that_no_poll_can_take_is_named(room: Room) -> None:
    (Path(room.maildir) / "new" / "b\udcff").write_bytes(b"Subject: x\n\n")

    answer = room.call("audit")

    assert (answer.code, answer.out.splitlines()[0].split(":")[0]) == (1, r"not-taken  intake  b\xff")


def test_a_source_that_is_away_is_said_and_is_a_reason_to_try_again(room: Room) -> None:
    room.deliver()
    room.fetch()
    for shelf in ("cur", "new", "tmp"):
        (room.maildir / shelf).rmdir()
    room.maildir.rmdir()

    answer = room.call("audit")

    assert (answer.code, answer.out.splitlines()[-1]) == (75, "unaccounted=0")
    assert "E-MAILDIR" in answer.err
