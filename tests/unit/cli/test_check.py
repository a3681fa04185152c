"""`check`, `config show` and `db`: what the configuration says, and whether it can be."""

from __future__ import annotations

import json
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from postroom import maildir
from postroom.app.maildir_check import owner_and_mode
from postroom.db.schema import HEAD
from postroom.storage.local import LocalStore
from tests.unit.cli.words import Terminal


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(tmp_path, monkeypatch, capsys)


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port of this machine that nobody listens on, held so that nobody else gets it."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def mailbox(port: int, name: str = "orders") -> str:
    return f'[mailbox.{name}]\nhost = "127.0.0.1"\nport = {port}\nuser = "{name}"\norg = "acme"\n'


def a_maildir(path: Path, name: str = "intake") -> str:
    return f'[maildir.{name}]\npath = "{path}"\norg = "acme"\n'


def everything_below(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"))


def rewrite_revision(database: Path, revision: str) -> None:
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))


# --- check -----------------------------------------------------------------------------------------


def test_no_file_at_all_is_fine(terminal: Terminal) -> None:
    answer = terminal.call("check")

    assert answer.code == 0
    assert answer.out == (
        "The configuration is fine (no file, so all defaults): 0 mailboxes, 0 Maildirs, 0 orgs in the file.\n"
        "No mail comes in yet: postroom init sets a mailbox up.\n"
    )


def test_what_there_is_is_counted(terminal: Terminal, closed_port: int) -> None:
    path = terminal.write(mailbox(closed_port) + '[org.acme]\n[orgs]\naddress = "o+{org}@in.example"\n')

    answer = terminal.call("check")

    assert answer.out == f"The configuration is fine ({path}): 1 mailbox, 0 Maildirs, 1 org in the file.\n"


def test_secrets_are_fetched_too_and_never_shown(terminal: Terminal) -> None:
    terminal.write("very secret", name="pw", mode=0o644)
    terminal.write(mailbox(993) + 'password = { file = "pw" }\n')

    answer = terminal.call("check")

    assert answer.code == 78
    assert "postroom.toml:6: mailbox.orders.password:" in answer.err
    assert "can be read by everybody" in answer.err
    assert "very secret" not in answer.out + answer.err


def test_a_warning_is_said_and_is_no_fault(terminal: Terminal) -> None:
    terminal.write(mailbox(993) + "tls_verify = false\n")

    answer = terminal.call("check")

    assert answer.code == 0
    assert answer.err.startswith("warning: postroom.toml:6: mailbox.orders.tls_verify: ")


# --- check --connect -------------------------------------------------------------------------------


def test_a_house_that_is_not_built_yet_passes_and_is_not_built_by_looking(terminal: Terminal) -> None:
    answer = terminal.call("check", "--connect")

    assert answer.code == 0
    assert " ok   schema   not there yet; the first start makes it\n" in answer.out
    assert " ok   probe    not there yet; the first mail makes it\n" in answer.out
    assert everything_below(terminal.folder.parent) == sorted([terminal.folder, terminal.home])


def test_a_house_at_work_passes_and_is_left_as_it_was(terminal: Terminal, tmp_path: Path) -> None:
    maildir.create(tmp_path / "Maildir")
    maildir.deliver(tmp_path / "Maildir", b"Subject: x\n\nx")
    path = terminal.write(a_maildir(tmp_path / "Maildir") + "[org.acme]\n")
    assert terminal.call("db", "upgrade").code == 0
    LocalStore(terminal.state_dir / "archive").probe()
    before = everything_below(tmp_path)

    answer = terminal.call("check", "--connect")

    assert answer.code == 0
    assert answer.out == (
        f"The configuration is fine ({path}): 0 mailboxes, 1 Maildir, 1 org in the file.\n"
        f"\nMaildir intake: {tmp_path}/Maildir\n"
        " ok   folders  new, cur and tmp can be read and written; 1 in new\n"
        f" ok   owner    new is {owner_and_mode(tmp_path / 'Maildir' / 'new')}\n"
        " ok   org      acme\n"
        f"\ndatabase: {terminal.state_dir}/postroom.db\n"
        f" ok   schema   revision {HEAD}\n"
        f"\narchive: {terminal.state_dir}/archive\n"
        " ok   probe    an object was written, read back and deleted\n"
    )
    assert everything_below(tmp_path) == before


def test_a_failing_step_names_its_code_and_the_way_out(terminal: Terminal, closed_port: int) -> None:
    terminal.write(mailbox(closed_port) + "[org.acme]\n")

    answer = terminal.call("check", "--connect")

    assert answer.code == 69
    assert f"\nmailbox orders: orders at 127.0.0.1:{closed_port}\n ok   DNS      127.0.0.1" in answer.out
    assert f" FAIL TCP      cannot connect to 127.0.0.1:{closed_port}: " in answer.out
    assert "  [E-IMAP-CONNECT]\n      Fix: check `host`, `port` and the firewall" in answer.out
    assert "\n      More: postroom help E-IMAP-CONNECT\n" in answer.out
    assert " ok   probe " in answer.out


@pytest.mark.parametrize("missing", ["new", "cur", "tmp"])
def test_a_maildir_without_one_of_its_folders_fails(terminal: Terminal, tmp_path: Path, missing: str) -> None:
    maildir.create(tmp_path / "Maildir")
    (tmp_path / "Maildir" / missing).rmdir()
    terminal.write(a_maildir(tmp_path / "Maildir") + "[org.acme]\n")

    answer = terminal.call("check", "--connect")

    assert answer.code == 74
    assert f"cannot use {tmp_path}/Maildir/{missing}: No such file or directory" in answer.out
    assert "[E-MAILDIR]" in answer.out


def test_where_only_some_sources_fail_it_is_a_temporary_failure(
    terminal: Terminal, tmp_path: Path, closed_port: int
) -> None:
    maildir.create(tmp_path / "Maildir")
    terminal.write(a_maildir(tmp_path / "Maildir") + mailbox(closed_port) + "[org.acme]\n")

    answer = terminal.call("check", "--connect")

    assert answer.code == 75


def test_an_archive_that_cannot_be_written_fails(terminal: Terminal) -> None:
    archive = terminal.write("a file is in the way", name="archive")
    terminal.write(f'[storage]\nurl = "file://{archive}"\n')

    answer = terminal.call("check", "--connect")

    assert answer.code == 74
    assert " FAIL probe " in answer.out
    assert "[E-STORE]" in answer.out


def test_a_folder_in_which_nothing_can_be_made_fails(terminal: Terminal) -> None:
    terminal.write('state_dir = "/proc/postroom"\n')

    answer = terminal.spawn("check", "--connect", environ={"POSTROOM_STATE_DIR": "/proc/postroom"})

    assert answer.code == 74
    assert "cannot make /proc/postroom/postroom.db: No such file or directory (/proc)  [E-IO]" in answer.out


def test_a_database_of_a_newer_postroom_fails(terminal: Terminal) -> None:
    assert terminal.call("db", "upgrade").code == 0
    rewrite_revision(terminal.state_dir / "postroom.db", "9999")

    answer = terminal.call("check", "--connect")

    assert answer.code == 78
    assert f"revision 9999 is newer than this postroom's {HEAD}  [E-DB-SCHEMA]" in answer.out


# --- config show -----------------------------------------------------------------------------------


def test_every_value_is_shown_with_its_origin_and_no_secret(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal.write(mailbox(993) + 'password = "very secret"\nfolders = ["INBOX", "A B"]\n')
    monkeypatch.setenv("POSTROOM_MAILBOX__ORDERS__POLL", "5m")

    answer = terminal.call("config", "show")

    lines = [line.split() for line in answer.out.splitlines()]
    assert answer.code == 0
    assert ["mailbox.orders.password", "=", '"********"', "#", "postroom.toml:6"] in lines
    assert ["mailbox.orders.poll", "=", '"5m"', "#", "env", "POSTROOM_MAILBOX__ORDERS__POLL"] in lines
    assert ["jobs.workers", "=", "4", "#", "default"] in lines
    assert "very secret" not in answer.out


def test_a_machine_gets_one_object_a_line(terminal: Terminal) -> None:
    path = "/srv/" + "very/" * 20 + "long"
    terminal.write(
        mailbox(993)
        + f'password = {{ file = "{path}" }}\nfolders = ["INBOX", "A B"]\n[storage]\nurl = "file://{path}"\n'
    )

    answer = terminal.call("config", "show", "--json")

    entries = {entry["key"]: entry for entry in map(json.loads, answer.out.splitlines())}
    assert entries["mailbox.orders.folders"] == {
        "key": "mailbox.orders.folders",
        "value": ["INBOX", "A B"],
        "origin": "postroom.toml:7",
    }
    assert entries["mailbox.orders.port"]["value"] == 993
    assert entries["mailbox.orders.password"]["value"] == {"file": path}
    assert entries["storage.url"]["value"] == f"file://{path}"


# --- db --------------------------------------------------------------------------------------------


def test_the_database_is_made_once_and_then_nothing_is_left_to_do(terminal: Terminal) -> None:
    file = terminal.state_dir / "postroom.db"

    answers = [terminal.call("db", command).out for command in ("revision", "upgrade", "upgrade", "revision")]

    assert answers == [
        f"{file}: revision none (this postroom's is {HEAD})\n",
        f"{file}: made at revision {HEAD}\n",
        f"{file}: at revision {HEAD}, nothing to do\n",
        f"{file}: revision {HEAD} (the newest)\n",
    ]


def test_asking_for_the_revision_makes_no_database(terminal: Terminal) -> None:
    terminal.call("db", "revision")

    assert not terminal.state_dir.exists()


def test_a_newer_database_is_not_touched(terminal: Terminal) -> None:
    assert terminal.call("db", "upgrade").code == 0
    rewrite_revision(terminal.state_dir / "postroom.db", "9999")

    answer = terminal.call("db", "upgrade")

    assert answer.code == 78
    assert "[E-DB-SCHEMA]" in answer.err
