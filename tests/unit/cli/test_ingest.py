"""`postroom ingest`: mails from files, and what is said where there are none."""

from __future__ import annotations

from tests.unit.cli.room import Room


def test_mails_are_counted_with_their_nouns(room: Room) -> None:
    room.path("a.eml").write_bytes(room.deliver())

    first, again = (room.call("ingest", "a.eml", "--to", "orders+acme@in.example") for _ in range(2))

    assert first.out == "1 taken, 0 duplicates, 0 quarantined, 1 document, 0 failed\n"
    assert again.out == "0 taken, 1 duplicate, 0 quarantined, 0 documents, 0 failed\n"


def test_a_folder_without_a_mail_is_named(room: Room) -> None:
    room.path("empty").mkdir()
    room.path("a.eml").write_bytes(room.deliver())

    answer = room.call("ingest", "empty", "a.eml", "--to", "orders+acme@in.example")

    assert answer.code == 0
    assert answer.err == "no mail in empty; of a folder, a Maildir and files that end with .eml are taken\n"
    assert answer.out.startswith("1 taken, ")
