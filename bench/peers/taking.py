"""The bare bytes, the peers that take mails apart, and postroom: commands of this environment's Python."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from bench.mails import ADDRESS, ORGS
from bench.peers.corpus import Corpus
from bench.peers.judging import (
    NotCounted,
    digests,
    judge_attachments,
    judge_postroom,
    judge_raw,
    judge_rows,
    missing,
)
from bench.peers.peer import Account, Peer
from bench.tree import Command
from postroom import maildir
from tests.command import ENVIRONMENT

PROGRAMS: Final = Path(__file__).parent / "programs"
POSTROOM: Final = "postroom"
FROM_MAILDIR: Final = "postroom, Maildir"
RAW: Final = "bytes, thrown away"
RAW_FSYNC: Final = "bytes, a file each, fsync"
IMAP_TOOLS: Final = "imap-tools"
DJANGO_MAILBOX: Final = "django-mailbox"
NAIVE: Final = "naive"
_VENV: Final = "tools/venv bench"


def configuration(account: Account, state: Path, more: str = "") -> str:
    """Return a postroom.toml as a user would write it; `more` are sections for database and archive."""
    return _ahead(state, more) + (
        f'[mailbox.orders]\nhost = "127.0.0.1"\nport = {account.port}\ntls = "off"\nuser = "{account.user}"\n'
        f'password = "{account.password}"\nsince = "all"\n'
    )


def _ahead(state: Path, more: str) -> str:
    orgs = "".join(f"[org.{org}]\n" for org in ORGS)
    return f'state_dir = "{state}"\n{more}[orgs]\naddress = "{ADDRESS}"\n{orgs}'


def fetch_once(config: Path, mails: int) -> tuple[str, ...]:
    """Return the command that takes so many mails in, as cron would run it."""
    program = str(Path(sys.executable).with_name("postroom"))
    return (program, "-c", str(config), "fetch", "--once", "--quiet", "--limit", str(max(1, mails)))


def postroom(account: Account, folder: Path, corpus: Corpus, *, more: str = "") -> Command:
    """Write a configuration with a fresh state_dir, which the measured command makes."""
    return _fetching(configuration(account, folder / "state", more), folder, corpus)


def _from_maildir(_account: Account, folder: Path, corpus: Corpus) -> Command:
    """The same from a Maildir that has the corpus in new/, as hard links, instead of the mailbox."""
    maildir.create(folder / "Maildir")
    for number in range(len(corpus.entries)):
        (folder / "Maildir" / "new" / f"{number}.M1.bench").hardlink_to(corpus.file(number))
    source = f'[maildir.intake]\npath = "{folder}/Maildir"\ntrust = ["Delivered-To"]\n'
    return _fetching(_ahead(folder / "state", "") + source, folder, corpus)


def _fetching(configuration: str, folder: Path, corpus: Corpus) -> Command:
    config = folder / "postroom.toml"
    config.touch(0o600)
    config.write_text(configuration, encoding="utf-8")
    return Command(fetch_once(config, len(corpus.entries)), folder, environ=ENVIRONMENT)


def program(name: str, account: Account, folder: Path, *more: str) -> Command:
    """Return the command of a program of ours around a library."""
    (folder / "out").mkdir(exist_ok=True)
    words = (str(account.port), account.user, account.password, str(folder / "out"))
    return Command((sys.executable, str(PROGRAMS / name), *words, *more), folder, environ=ENVIRONMENT)


def _raw(account: Account, folder: Path, _corpus: Corpus, *, more: tuple[str, ...] = ()) -> Command:
    return program("raw_read.py", account, folder, *more)


def _imap_tools(account: Account, folder: Path, _corpus: Corpus) -> Command:
    return program("with_imap_tools.py", account, folder)


def _django_mailbox(account: Account, folder: Path, _corpus: Corpus) -> Command:
    prepare = program("with_django_mailbox.py", account, folder, "--prepare")
    subprocess.run(prepare.words, cwd=folder, env=ENVIRONMENT, check=True)
    return program("with_django_mailbox.py", account, folder)


def _naive(account: Account, folder: Path, _corpus: Corpus) -> Command:
    return program("naive.py", account, folder)


def _judge_nothing(_corpus: Corpus, _folder: Path) -> None:
    """Accept: what was thrown away cannot be looked at."""


def _judge_imap_tools(corpus: Corpus, folder: Path) -> None:
    judge_attachments(corpus, folder / "out")
    count = len(list((folder / "out").glob("*.eml")))
    if count != len(corpus.entries):
        raise NotCounted(f"{count} mails, {len(corpus.entries)} were sent")


def _judge_django_mailbox(corpus: Corpus, folder: Path) -> None:
    judge_attachments(corpus, folder / "out" / "media")
    with closing(sqlite3.connect(folder / "out" / "db.sqlite3")) as database:
        rows = database.execute("SELECT message_id FROM django_mailbox_message").fetchall()
    found = {str(message_id).strip() for (message_id,) in rows}
    missing(found, {entry.message_id for entry in corpus.entries}, "rows of mails")


def _judge_naive(corpus: Corpus, folder: Path) -> None:
    found = digests(folder / "out" / "archive")
    missing(found, {entry.sha256 for entry in corpus.entries}, "mails")
    missing(found, {attachment.sha256 for attachment in corpus.attachments}, "attachments")
    with closing(sqlite3.connect(folder / "out" / "rows.db")) as database:
        mails = database.execute("SELECT raw_key, raw_sha256, status FROM message").fetchall()
        judge_rows(corpus, mails, database.execute("SELECT object_key, sha256 FROM document").fetchall())


OURS: Final = Peer(
    POSTROOM,
    "rows, raw archive, documents; all durable",
    "",
    "",
    postroom,
    lambda corpus, folder: judge_postroom(corpus, folder / "state"),
)
TAKING: Final = (
    replace(OURS, name=FROM_MAILDIR, does="the same, from a Maildir", prepare=_from_maildir),
    Peer(RAW, "the server's limit", "", "", _raw, _judge_nothing),
    Peer(
        RAW_FSYNC,
        "the disk's limit, one file a mail",
        "",
        "",
        partial(_raw, more=("--fsync",)),
        lambda corpus, folder: judge_raw(corpus, folder / "out"),
    ),
    Peer(
        IMAP_TOOLS,
        "mails and attachments to files, no fsync",
        ":imap_tools",
        _VENV,
        _imap_tools,
        _judge_imap_tools,
    ),
    Peer(
        DJANGO_MAILBOX,
        "rows in SQLite, attachments to files without fsync",
        ":django_mailbox",
        _VENV,
        _django_mailbox,
        _judge_django_mailbox,
    ),
    Peer(NAIVE, "as postroom, a commit and an fsync per step", "", "", _naive, _judge_naive),
)
