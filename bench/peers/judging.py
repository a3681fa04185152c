"""Whether a run counts: everything that the manifest names has to be where the peer put it, byte for byte."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from bench.peers.corpus import Corpus, body_of

_MESSAGE_ID: Final = re.compile(rb"^Message-ID:\s*(<[^>]+>)", re.IGNORECASE | re.MULTILINE)


class NotCounted(Exception):
    """A run left something behind that is not what was sent; says what."""


def judge_raw(corpus: Corpus, folder: Path) -> None:
    """Raise NotCounted unless each mail's very bytes are a file somewhere below a folder."""
    missing(digests(folder), {entry.sha256 for entry in corpus.entries}, "mails")


def judge_attachments(corpus: Corpus, folder: Path) -> None:
    """Raise NotCounted unless each attachment's very bytes are a file somewhere below a folder."""
    missing(digests(folder), {attachment.sha256 for attachment in corpus.attachments}, "attachments")


def judge_copies(corpus: Corpus, folder: Path) -> None:
    """Raise NotCounted unless each mail has a copy: same Message-ID, same body but for white space."""
    found = {_identity(path.read_bytes()) for path in files(folder)}
    sent = {f"{entry.message_id} {entry.body_sha256}" for entry in corpus.entries}
    missing(found, sent, "mails")


def judge_postroom(corpus: Corpus, state: Path) -> None:
    """Raise NotCounted unless every mail and attachment is in the archive, and its row names its object."""
    found = digests(state / "archive")
    missing(found, {entry.sha256 for entry in corpus.entries}, "mails")
    missing(found, {attachment.sha256 for attachment in corpus.attachments}, "attachments")
    with closing(sqlite3.connect(f"{(state / 'postroom.db').as_uri()}?mode=ro", uri=True)) as database:
        mails = database.execute("SELECT raw_key, raw_sha256, status FROM inbound_message").fetchall()
        documents = database.execute("SELECT object_key, sha256 FROM document").fetchall()
    judge_rows(corpus, mails, documents)
    for key, sha256 in [*((key, sha256) for key, sha256, _ in mails), *documents]:
        if not (state / "archive" / key).is_file():
            raise NotCounted(f"no object {key} for {sha256}")


def judge_rows(
    corpus: Corpus, mails: Iterable[tuple[str, str, str]], documents: Iterable[tuple[str, str]]
) -> None:
    """Raise NotCounted unless each mail has its row, at its end, and each attachment its document.

    Of a mail come (key, SHA-256, status), of a document (key, SHA-256).
    """
    parsed = sorted(sha256 for _, sha256, status in mails if status == "parsed")
    if parsed != sorted(entry.sha256 for entry in corpus.entries):
        raise NotCounted(f"{len(parsed)} rows of mails are parsed, {len(corpus.entries)} were sent")
    kept = sorted(sha256 for _, sha256 in documents)
    if kept != sorted(attachment.sha256 for attachment in corpus.attachments):
        raise NotCounted(f"{len(kept)} rows of documents, {len(corpus.attachments)} attachments were sent")


def missing(found: set[str], expected: set[str], what: str) -> None:
    """Raise NotCounted when one of those expected was not found."""
    lost = sorted(expected - found)
    if lost:
        raise NotCounted(
            f"{len(lost)} of {len(expected)} {what} are not there as they were sent, such as {lost[0]}"
        )


def digests(folder: Path) -> set[str]:
    """Return the SHA-256 of every file below a folder."""
    return {hashlib.sha256(path.read_bytes()).hexdigest() for path in files(folder)}


def files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def _identity(raw: bytes) -> str:
    found = _MESSAGE_ID.search(raw)
    message_id = found[1].decode("ascii", "replace") if found else ""
    return f"{message_id} {hashlib.sha256(body_of(raw)).hexdigest()}"
