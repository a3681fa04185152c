"""A corpus on disk with its manifest, and a mailbox that is filled with it."""

from __future__ import annotations

import hashlib
import imaplib
import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.mails import Attachment, Mail
from tests.servers.dovecot import Dovecot

PASSWORD = "bench"
"""Of every mailbox here."""
_HEADER_END: Final = re.compile(rb"\r?\n\r?\n")
_OWNER: Final = "mail"  # whom Dovecot reads mailboxes as, where it is run by root


@dataclass(frozen=True, slots=True)
class Entry:
    """One mail of the manifest.

    `sha256` is that of its bytes, `body_sha256` that of what stays the same in every copy: all that comes
    after its header but white space, for some programs fold long lines of headers within it anew.
    """

    message_id: str
    size_bytes: int
    sha256: str
    body_sha256: str
    attachments: tuple[Attachment, ...]


@dataclass(frozen=True, slots=True)
class Corpus:
    """Mails as files, numbered from 0, and what is known of each."""

    name: str
    folder: Path
    entries: tuple[Entry, ...]

    @property
    def size_bytes(self) -> int:
        return sum(entry.size_bytes for entry in self.entries)

    @property
    def attachments(self) -> list[Attachment]:
        return [attachment for entry in self.entries for attachment in entry.attachments]

    def first(self, count: int) -> Corpus:
        """Return the corpus of the first mails of this one."""
        return Corpus(self.name, self.folder, self.entries[:count])

    def file(self, number: int) -> Path:
        return self.folder / f"{number:06d}.eml"


def body_of(raw: bytes) -> bytes:
    """Return a mail's body as copies of it have it in common: without white space."""
    end = _HEADER_END.search(raw)
    return raw[end.end() :].translate(None, b" \t\r\n") if end else b""


def write_corpus(name: str, mails: Iterable[Mail], folder: Path) -> Corpus:
    """Write mails into a new folder."""
    folder.mkdir()
    corpus = Corpus(name, folder, ())
    entries = []
    for number, mail in enumerate(mails):
        corpus.file(number).write_bytes(mail.raw)
        if os.geteuid() == 0:
            shutil.chown(corpus.file(number), _OWNER, _OWNER)
        entries.append(
            Entry(
                mail.message_id,
                len(mail.raw),
                hashlib.sha256(mail.raw).hexdigest(),
                hashlib.sha256(body_of(mail.raw)).hexdigest(),
                mail.attachments,
            )
        )
    return Corpus(name, folder, tuple(entries))


def fill(dovecot: Dovecot, user: str, corpus: Corpus) -> None:
    """Make a user whose INBOX holds the corpus, as hard links, with Dovecot's index of it made."""
    shelf = dovecot.add_user(user, PASSWORD) / "cur"
    for number, entry in enumerate(corpus.entries):
        size = entry.size_bytes
        name = f"{1_700_000_000 + number}.M{number}P1.bench,S={size},W={size}:2,"
        (shelf / name).hardlink_to(corpus.file(number))
    if not corpus.entries:
        return
    with imaplib.IMAP4("127.0.0.1", dovecot.port) as client:
        client.login(user, PASSWORD)
        client.select("INBOX", readonly=True)
        client.fetch("1:*", "(UID RFC822.SIZE FLAGS INTERNALDATE)")


def remove(dovecot: Dovecot, user: str) -> None:
    """Forget a user and the mailbox; the corpus stays."""
    dovecot.forget_user(user)
    shutil.rmtree(dovecot.maildir(user).parent)
