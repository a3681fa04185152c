"""A run counts only when everything is there: one byte less, and it does not."""

from __future__ import annotations

import email
import hashlib
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from bench.mails import mixed
from bench.peers.corpus import Corpus, write_corpus
from bench.peers.judging import (
    NotCounted,
    judge_attachments,
    judge_copies,
    judge_postroom,
    judge_raw,
)

MAILS = 10  # six of them a PDF, two a sheet, one text, one HTML


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return write_corpus("mixed", mixed(MAILS), tmp_path / "corpus")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "left").mkdir()
    return tmp_path / "left"


def raws(corpus: Corpus) -> list[bytes]:
    return [corpus.file(number).read_bytes() for number in range(MAILS)]


def attached(corpus: Corpus) -> list[bytes]:
    parts = [part for raw in raws(corpus) for part in email.message_from_bytes(raw).walk()]
    contents = [part.get_payload(decode=True) for part in parts if part.get_filename()]
    wanted = {attachment.sha256 for attachment in corpus.attachments}
    return [c for c in contents if isinstance(c, bytes) and hashlib.sha256(c).hexdigest() in wanted]


def leave(folder: Path, contents: list[bytes]) -> list[Path]:
    """Write files as a peer would leave them behind."""
    paths = [folder / str(number) for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    return paths


def as_copied(raw: bytes) -> bytes:
    """Return what a mail looks like in the Maildir of a program that puts a header on top and writes LF."""
    folded = raw.replace(b"Content-Type: application/", b"Content-Type:\r\n application/")
    return b"X-TUID: abc\n" + folded.replace(b"\r\n", b"\n") + b"\n"


def test_mails_that_are_there_byte_for_byte_count(corpus: Corpus, folder: Path) -> None:
    leave(folder, raws(corpus))

    judge_raw(corpus, folder)


def test_copies_with_other_line_ends_and_a_header_on_top_count(corpus: Corpus, folder: Path) -> None:
    leave(folder, [as_copied(raw) for raw in raws(corpus)])

    judge_copies(corpus, folder)


def test_attachments_that_are_there_under_any_name_count(corpus: Corpus, folder: Path) -> None:
    leave(folder, attached(corpus))

    judge_attachments(corpus, folder)


def test_a_missing_mail_makes_a_run_not_count(corpus: Corpus, folder: Path) -> None:
    leave(folder, raws(corpus))[4].unlink()

    with pytest.raises(NotCounted, match="1 of 10 mails are not there as they were sent"):
        judge_raw(corpus, folder)


def test_a_missing_copy_makes_a_run_not_count(corpus: Corpus, folder: Path) -> None:
    leave(folder, [as_copied(raw) for raw in raws(corpus)])[4].unlink()

    with pytest.raises(NotCounted, match="1 of 10 mails are not there as they were sent"):
        judge_copies(corpus, folder)


def test_a_missing_attachment_makes_a_run_not_count(corpus: Corpus, folder: Path) -> None:
    leave(folder, attached(corpus))[2].unlink()

    with pytest.raises(NotCounted, match="1 of 8 attachments are not there as they were sent"):
        judge_attachments(corpus, folder)


def test_a_copy_that_lacks_its_last_letter_makes_a_run_not_count(corpus: Corpus, folder: Path) -> None:
    copies = [as_copied(raw) for raw in raws(corpus)]
    leave(folder, [*copies[1:], copies[0].rstrip(b"\n")[:-1]])

    with pytest.raises(NotCounted, match="1 of 10 mails"):
        judge_copies(corpus, folder)


def test_an_attachment_with_one_bit_turned_makes_a_run_not_count(corpus: Corpus, folder: Path) -> None:
    first, *others = attached(corpus)
    leave(folder, [*others, first[:-1] + bytes([first[-1] ^ 1])])

    with pytest.raises(NotCounted, match="1 of 8 attachments"):
        judge_attachments(corpus, folder)


# --- postroom ------------------------------------------------------------------------------------


@pytest.fixture
def state(corpus: Corpus, tmp_path: Path) -> Path:
    """A state folder in which all is as it should be."""
    state = tmp_path / "state"
    (state / "archive").mkdir(parents=True)
    leave(state / "archive", [])
    with closing(sqlite3.connect(state / "postroom.db")) as rows, rows:
        rows.execute("CREATE TABLE inbound_message (raw_key, raw_sha256, status)")
        rows.execute("CREATE TABLE document (object_key, sha256)")
        for content in raws(corpus):
            rows.execute("INSERT INTO inbound_message VALUES (?, ?, 'parsed')", archived(state, content))
        for content in attached(corpus):
            rows.execute("INSERT INTO document VALUES (?, ?)", archived(state, content))
    return state


def archived(state: Path, content: bytes) -> tuple[str, str]:
    sha256 = hashlib.sha256(content).hexdigest()
    (state / "archive" / sha256).write_bytes(content)
    return sha256, sha256


def order(state: Path, statement: str) -> None:
    with closing(sqlite3.connect(state / "postroom.db")) as rows, rows:
        rows.execute(statement)


def lose_an_object(state: Path, corpus: Corpus) -> None:
    (state / "archive" / corpus.attachments[0].sha256).unlink()


def lose_a_row(state: Path, corpus: Corpus) -> None:
    order(state, f"DELETE FROM document WHERE sha256 = '{corpus.attachments[0].sha256}'")  # noqa: S608  (ours)


def leave_one_unparsed(state: Path, corpus: Corpus) -> None:
    digest = corpus.entries[0].sha256
    order(state, f"UPDATE inbound_message SET status = 'stored' WHERE raw_sha256 = '{digest}'")  # noqa: S608


def point_elsewhere(state: Path, _corpus: Corpus) -> None:
    order(state, "UPDATE document SET object_key = 'nowhere' WHERE rowid = 1")


def add_a_document(state: Path, corpus: Corpus) -> None:
    digest = corpus.attachments[0].sha256
    order(state, f"INSERT INTO document VALUES ('{digest}', '{digest}')")  # noqa: S608


def test_a_postroom_with_all_objects_and_all_rows_counts(corpus: Corpus, state: Path) -> None:
    judge_postroom(corpus, state)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lose_an_object, "1 of 8 attachments are not there"),
        (lose_a_row, "7 rows of documents, 8 attachments were sent"),
        (leave_one_unparsed, "9 rows of mails are parsed, 10 were sent"),
        (point_elsewhere, "no object nowhere"),
        (add_a_document, "9 rows of documents, 8 attachments were sent"),
    ],
)
def test_a_postroom_that_lacks_one_thing_does_not_count(
    harm: Callable[[Path, Corpus], None], words: str, corpus: Corpus, state: Path
) -> None:
    harm(state, corpus)

    with pytest.raises(NotCounted, match=words):
        judge_postroom(corpus, state)
