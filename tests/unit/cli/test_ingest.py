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


def test_a_file_that_is_no_message_holds_up_no_other(room: Room) -> None:
    room.path("box").mkdir()
    room.path("box/a.eml").write_bytes(b"no header here\n")
    room.path("box/b.EML").write_bytes(room.deliver())
    room.path("box/c.eml").mkdir()

    answer = room.call("ingest", "box", "--to", "orders+acme@in.example")

    assert (answer.code, answer.out) == (65, "1 taken, 0 duplicates, 0 quarantined, 1 document, 0 failed\n")
    assert "box/a.eml has no header field" in answer.err


def test_all_that_was_skipped_is_named_at_the_end(room: Room) -> None:
    for name in ("a.eml", "b.eml"):
        room.path(name).write_bytes(b"no header here\n")
    room.path("c.eml").write_bytes(room.deliver())

    answer = room.call("ingest", "a.eml", "b.eml", "c.eml", "--to", "orders+acme@in.example")

    assert (answer.code, answer.out) == (65, "1 taken, 0 duplicates, 0 quarantined, 1 document, 0 failed\n")
    assert answer.err.startswith("skipped: a.eml has no header field\nskipped: b.eml has no header field\n")
    assert "2 files were skipped" in answer.err


def test_a_link_to_a_message_is_taken(room: Room) -> None:
    room.path("a.eml").write_bytes(room.deliver())
    room.path("link.eml").symlink_to(room.path("a.eml"))

    answer = room.call("ingest", "link.eml", "--to", "orders+acme@in.example")

    assert answer.out.startswith("1 taken, ")
