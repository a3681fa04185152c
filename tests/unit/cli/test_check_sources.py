"""`check --connect` before sources whose org or whose mails are not as they should be."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import Any

import pytest

from postroom import maildir
from tests.unit.cli.words import Terminal


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(tmp_path, monkeypatch, capsys)


def a_maildir(path: Path) -> str:
    return f'[maildir.intake]\npath = "{path}"\norg = "acme"\n'


def test_a_source_of_an_org_that_is_not_there_fails(terminal: Terminal, tmp_path: Path) -> None:
    maildir.create(tmp_path / "Maildir")
    terminal.write(a_maildir(tmp_path / "Maildir"))
    terminal.call("db", "upgrade")

    answer = terminal.call("check", "--connect")

    assert answer.code == 78
    assert (
        ' FAIL org      there is no org "acme"  [E-SOURCE-ORG]\n      Fix: postroom org add acme\n'
        "      More: postroom help E-SOURCE-ORG\n"
    ) in answer.out


def test_it_is_looked_for_also_where_there_is_no_database_yet(terminal: Terminal, tmp_path: Path) -> None:
    maildir.create(tmp_path / "Maildir")
    terminal.write(a_maildir(tmp_path / "Maildir"))

    answer = terminal.call("check", "--connect")

    assert 'FAIL org      there is no org "acme"' in answer.out
    assert not terminal.state_dir.exists()


@pytest.mark.parametrize("declared", ["[org.acme]\n", '[org.big]\naliases = ["acme"]\n', ""])
def test_an_org_of_the_file_an_alias_and_one_that_was_added_all_count(
    terminal: Terminal, tmp_path: Path, declared: str
) -> None:
    maildir.create(tmp_path / "Maildir")
    terminal.write(a_maildir(tmp_path / "Maildir") + declared)
    if not declared:
        terminal.call("org", "add", "acme")

    answer = terminal.call("check", "--connect")

    assert answer.code == 0
    assert " ok   org      acme\n" in answer.out


def test_a_mail_that_cannot_be_read_is_named_with_its_remedy(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    maildir.create(tmp_path / "Maildir")
    name = maildir.deliver(tmp_path / "Maildir", b"Subject: x\n\nx")
    terminal.write(a_maildir(tmp_path / "Maildir") + "[org.acme]\n")
    refuse_to_read(monkeypatch, name)  # by itself, root may read all

    answer = terminal.call("check", "--connect")

    assert answer.code == 74
    assert (
        f" FAIL folders  cannot read {tmp_path}/Maildir/new/{name}: Permission denied (as user " in answer.out
    )
    me = pwd.getpwuid(os.geteuid()).pw_name
    path = f"{tmp_path}/Maildir/new/{name}"
    assert f"\n      Fix: {path} is of {me}:" in answer.out
    assert f" with mode 0600; let {me} read {path}, or let postroom and the mail server be one user\n" in (
        answer.out
    )


def refuse_to_read(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    access = os.access

    def asked(path: os.PathLike[str] | str, mode: int, **options: bool) -> bool:
        return Path(path).name != name and access(path, mode, **options)

    monkeypatch.setattr(os, "access", asked)


def test_a_file_that_this_user_may_not_read_says_as_whom_and_what_helps(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, opened = terminal.write(""), Path.open

    def refused(asked: Path, *arguments: Any, **options: Any) -> Any:
        if asked == path:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(asked, *arguments, **options)

    monkeypatch.setattr(Path, "open", refused)

    answer = terminal.call("check")

    assert answer.code == 78
    assert f"cannot be read: Permission denied (as user {pwd.getpwuid(os.geteuid()).pw_name})" in answer.err
    assert "chgrp it to that user's group, and chmod 0640" in answer.err


def test_a_wrong_archive_is_not_blamed_on_the_state_dir_alone(terminal: Terminal) -> None:
    terminal.write('[storage]\nurl = "file:///proc/archive"\n')

    answer = terminal.call("check", "--connect")

    assert answer.code == 74
    assert "Fix: correct `storage.url` or `state_dir`, or give this user write rights there\n" in answer.out


def test_a_quiet_round_says_no_warning(terminal: Terminal) -> None:
    terminal.write(
        '[org.acme]\n[mailbox.orders]\norg = "acme"\nhost = "127.0.0.1"\nport = 9\nuser = "u"\n'
        'password = "x"\ntls_verify = false\n'
    )

    loud = terminal.spawn("fetch", "--once")
    quiet = terminal.spawn("fetch", "--once", "--quiet")

    assert "warning: postroom.toml:8: mailbox.orders.tls_verify" in loud.err
    assert "warning:" not in quiet.err
    assert (loud.code, quiet.code) == (69, 69)
