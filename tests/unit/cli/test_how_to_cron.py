"""The how-to page of cron shows the very words that cron sends."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from postroom.jobs.lock import state_lock
from tests.unit.cli.words import Terminal

PAGE = (Path(__file__).parents[3] / "docs/how-to/cron.md").read_text(encoding="utf-8")
MORE = "     More: postroom help"
MAILBOX = """[org.acme]
[mailbox.orders]
org = "acme"
host = "imap.example.com"
user = "orders@acme.example"
password = {password}
"""


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    made = Terminal(tmp_path, monkeypatch, capsys)
    monkeypatch.chdir(made.home)  # as cron does
    return made


def shown(terminal: Terminal, said: str) -> str:
    """Return what was said on standard error, on a machine that is set up as the page has it."""
    places = {
        str(terminal.state_dir): "/var/lib/postroom",
        str(terminal.folder / "postroom.toml"): "/etc/postroom/postroom.toml",
        str(terminal.folder / "secret"): "/etc/postroom/secrets/orders",
    }
    for here, there in places.items():
        said = said.replace(here, there)
    return "".join(f"{line}\n" for line in said.splitlines() if not line.startswith(MORE))


def round_of_cron(terminal: Terminal, *options: str, config: Path | None = None) -> tuple[int, str]:
    """Return the exit code, and what was said as the page has it."""
    named = ["-c", str(config)] if config else []
    answer = terminal.call(*named, "fetch", "--once", "--quiet", *options)
    return answer.code, f"```\n{shown(terminal, answer.err)}```\n"


def test_without_a_configuration_it_says_so_and_ends_with_0(terminal: Terminal) -> None:
    code, said = round_of_cron(terminal)

    assert code == 0
    assert said in PAGE


def test_another_users_state_folder_is_told(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)

    code, said = round_of_cron(terminal)

    assert code == 74
    assert said in PAGE


@pytest.mark.parametrize("password", ['{ env = "IMAP_PASSWORD" }', '{ file = "SECRET" }'])
def test_a_password_that_cron_cannot_have_is_told(terminal: Terminal, password: str) -> None:
    terminal.write("geheim", name="secret", mode=0o644)
    secret = password.replace("SECRET", str(terminal.folder / "secret"))
    config = terminal.write(MAILBOX.format(password=secret))

    code, said = round_of_cron(terminal, config=config)

    assert code == 78
    assert said in PAGE


def test_a_round_beside_a_running_service_is_told(terminal: Terminal) -> None:
    config = terminal.write(MAILBOX.format(password='"geheim"'))
    terminal.state_dir.mkdir()
    since = datetime(2026, 11, 2, 8, tzinfo=UTC)

    with state_lock(terminal.state_dir, command="run", now=since):
        code, said = round_of_cron(terminal, config=config)

    assert code == 75
    assert re.sub(r"pid \d+", "pid 4711", said) in PAGE
