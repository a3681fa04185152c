"""The peers that only copy: programs of Debian, each from its mailbox into a Maildir, as its manual says."""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path
from typing import Final

from bench.peers.corpus import Corpus
from bench.peers.judging import judge_copies
from bench.peers.peer import Account, Peer
from bench.tree import Command
from postroom import maildir

USER: Final = "mail"
"""Who root becomes for them: getmail6 delivers to nobody as root."""

_MBSYNC: Final = """FSync {fsync}
IMAPAccount bench
Host 127.0.0.1
Port {port}
User {user}
Pass "{password}"
SSLType None
AuthMechs LOGIN

IMAPStore far
Account bench

MaildirStore near
Path {folder}/mail/
Inbox {folder}/mail/INBOX
SubFolders Verbatim

Channel bench
Far :far:
Near :near:
Patterns INBOX
Create Near
Sync Pull
SyncState *
"""
_GETMAIL: Final = """[retriever]
type = SimpleIMAPRetriever
server = 127.0.0.1
port = {port}
username = {user}
password = {password}
mailboxes = ("INBOX",)

[destination]
type = Maildir
path = {folder}/mail/

[options]
read_all = true
delete = false
verbose = 0
"""
_FETCHMAIL: Final = """poll 127.0.0.1 service {port} protocol imap auth password
  user "{user}" password "{password}" is "{user}" here
  mda "/usr/bin/maildrop {folder}/filter" fetchall keep batchlimit 0 sslproto ""
"""
_FDM: Final = """set lock-types none
set lock-file "{folder}/lock"
set maximum-size 200M
account "bench" imap server "127.0.0.1" port {port} user "{user}" pass "{password}"
  folder "INBOX" no-cram-md5 keep
action "store" maildir "{folder}/mail"
match all action "store"
"""


def mbsync(account: Account, folder: Path, _corpus: Corpus, *, fsync: bool) -> Command:
    (folder / "mail").mkdir()
    config = _written(folder, "config", _MBSYNC, account, fsync="yes" if fsync else "no")
    return _command(folder, "mbsync", "-c", config, "-q", "bench")


def getmail(account: Account, folder: Path, _corpus: Corpus) -> Command:
    maildir.create(folder / "mail")
    _written(folder, "config", _GETMAIL, account)
    return _command(folder, "getmail", "--getmaildir", str(folder), "--rcfile", "config")


def fetchmail(account: Account, folder: Path, _corpus: Corpus) -> Command:
    maildir.create(folder / "mail")
    _written(folder, "filter", 'to "{folder}/mail"\n', account)
    config = _written(folder, "config", _FETCHMAIL, account)
    known, pid = str(folder / "known"), str(folder / "pid")
    return _command(
        folder, "fetchmail", "-f", config, "--pidfile", pid, "-i", known, "--silent", "--nosyslog"
    )


def fdm(account: Account, folder: Path, _corpus: Corpus) -> Command:
    maildir.create(folder / "mail")
    config = _written(folder, "config", _FDM, account)
    return _command(folder, "fdm", "-f", config, "fetch")


def _written(folder: Path, name: str, template: str, account: Account, **more: str) -> str:
    words = {"port": account.port, "user": account.user, "password": account.password, "folder": folder}
    path = folder / name
    path.touch(0o600)
    path.write_text(template.format(**words, **more), encoding="utf-8")
    return str(path)


def _command(folder: Path, *words: str) -> Command:
    if os.geteuid() == 0:
        for path in (folder, *folder.rglob("*")):
            shutil.chown(path, USER, USER)
    return Command(words, folder, USER, {"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C"})


MBSYNC: Final = "mbsync, fsync"
GETMAIL: Final = "getmail6"
FETCHMAIL: Final = "fetchmail, maildrop"

COPYING: Final = (
    Peer(MBSYNC, "copies (C), fsync", "mbsync", "Debian: isync", partial(mbsync, fsync=True), judge_copies),
    Peer(
        "mbsync, no fsync",
        "copies (C)",
        "mbsync",
        "Debian: isync",
        partial(mbsync, fsync=False),
        judge_copies,
    ),
    Peer("fdm", "copies (C), fsync", "fdm", "Debian: fdm", fdm, judge_copies),
    Peer(FETCHMAIL, "copies (C), fsync", "fetchmail", "Debian: fetchmail, maildrop", fetchmail, judge_copies),
    Peer(GETMAIL, "copies (Python), fsync", "getmail", "Debian: getmail6", getmail, judge_copies),
)
