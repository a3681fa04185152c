"""The entry point: fast, and never a traceback, whatever meets it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from postroom.cli import registry
from postroom.cli.main import postroom
from tests.unit.cli.words import HEAVY, Terminal

AS_MODULE = [sys.executable, "-m", "postroom"]
MAILBOX = '[mailbox.orders]\nhost = "127.0.0.1"\nport = 9\nuser = "u"\norg = "acme"\n[org.acme]\n'


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(tmp_path, monkeypatch, capsys)


@click.command()
def broken() -> None:
    raise KeyError("no such\x1b[31m key")


@click.command()
def unlucky() -> None:
    raise OSError(28, "No space left on device", "/srv/archive/x")


def _imported_by(*arguments: str) -> set[str]:
    """Return the modules that a command line has loaded in the end."""
    looking = (
        "import sys, contextlib\n"
        "from postroom.cli.main import main\n"
        "with contextlib.suppress(SystemExit): main(sys.argv[1:])\n"
        "print(*sys.modules, sep='\\n', file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", looking, *arguments], capture_output=True, text=True, check=True
    )
    return set(done.stderr.split())


# --- fast ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]], ids=["help", "version"])
def test_what_is_asked_most_often_imports_nothing_heavy(arguments: list[str]) -> None:
    imported = _imported_by(*arguments)

    assert "click" in imported
    assert imported & (HEAVY | {"postroom.config.load", "postroom.app", "postroom.db"}) == set()


@pytest.mark.parametrize("arguments", [["check"], ["config", "show"], ["inspect", "--help"]], ids=" ".join)
def test_commands_without_a_database_do_not_import_one(terminal: Terminal, arguments: list[str]) -> None:
    imported = _imported_by(*arguments)

    assert imported & HEAVY == set()
    assert not terminal.state_dir.exists()


def test_a_command_that_logs_does_not_import_what_only_a_terminal_needs() -> None:
    imported = _imported_by("fetch", "--help")

    assert "structlog" in imported
    assert imported & {"rich", "pygments"} == set()


# --- the registry ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", registry.COMMANDS)
def test_each_command_of_the_registry_is_there_and_says_the_same_of_itself(name: str) -> None:
    context = click.Context(postroom)

    command = postroom.get_command(context, name)

    assert command is not None
    assert command.get_short_help_str(limit=200).rstrip(".") == registry.COMMANDS[name].help.rstrip(".")


def test_help_lists_every_command(terminal: Terminal) -> None:
    answer = terminal.call("--help")

    listed = {line.split()[0] for line in answer.out.partition("Commands:")[2].splitlines() if line.strip()}
    assert set(registry.COMMANDS) <= listed


def test_a_misspelled_command_is_guessed(terminal: Terminal) -> None:
    answer = terminal.call("stat")

    assert answer.code == 64
    assert 'did you mean "status"?' in answer.err


# --- no traceback ------------------------------------------------------------------------------------


def no_file(_: Terminal) -> list[str]:
    return ["-c", "missing.toml"]


def a_folder(_: Terminal) -> list[str]:
    return ["-c", "."]


def bad_toml(terminal: Terminal) -> list[str]:
    terminal.write("[mailbox\n")
    return []


def binary(terminal: Terminal) -> list[str]:
    terminal.write(bytes(range(256)) * 20)
    return []


def wrong_password_source(terminal: Terminal) -> list[str]:
    terminal.write(MAILBOX + '[mailbox.beta]\nhost = "h"\nuser = "u"\npassword = { vault = "x" }\n')
    return []


def missing_secret(terminal: Terminal) -> list[str]:
    terminal.write(MAILBOX.replace("[org", 'password = { file = "nowhere" }\n[org'))
    return []


def secret_in_a_folder(terminal: Terminal) -> list[str]:
    terminal.write(MAILBOX.replace("[org", f'password = {{ file = "{terminal.home}" }}\n[org'))
    return []


@pytest.mark.parametrize(
    "prepare",
    [no_file, a_folder, bad_toml, binary, wrong_password_source, missing_secret, secret_in_a_folder],
)
@pytest.mark.parametrize("command", [["check"], ["check", "--connect"]], ids=" ".join)
def test_a_configuration_that_cannot_be_is_said_in_words(
    terminal: Terminal, prepare: Callable[[Terminal], list[str]], command: list[str]
) -> None:
    options = prepare(terminal)

    answer = terminal.call(*options, *command)

    assert answer.code == 78
    assert answer.err.startswith("postroom: the configuration has 1 fault  [E-CONFIG]\n     ")
    assert answer.err.endswith("     More: postroom help E-CONFIG\n")


def test_every_fault_gets_a_line_of_its_own(terminal: Terminal) -> None:
    terminal.write('[mailbox.a]\nhsot = "x"\nuser = 3\n[limits]\nparts = "\\u001b[31m"\n')

    answer = terminal.call("check")

    assert answer.err == (
        "postroom: the configuration has 4 faults  [E-CONFIG]\n"
        '     postroom.toml:1: mailbox.a.host: is missing; add host = "...": the IMAP server\'s name\n'
        '     postroom.toml:2: mailbox.a.hsot: unknown key; did you mean "host"?\n'
        "     postroom.toml:3: mailbox.a.user: must be a user name, not a number\n"
        "     postroom.toml:5: limits.parts: must be a whole number from 1 to 1000000, not text\n"
        "     More: postroom help E-CONFIG\n"
    )


@pytest.mark.parametrize("command", [["db", "upgrade"], ["status"]], ids=" ".join)
def test_a_state_dir_that_cannot_be_made_is_said_in_words(terminal: Terminal, command: list[str]) -> None:
    terminal.state_dir.write_text("a file is in the way")

    answer = terminal.call(*command)

    assert answer.code == 74
    assert f"cannot use the state_dir {terminal.state_dir}" in answer.err
    assert "[E-IO]" in answer.err


@pytest.mark.parametrize(
    "command", [["db", "upgrade"], ["db", "revision"], ["check", "--connect"], ["messages"]], ids=" ".join
)
def test_a_corrupt_database_is_said_in_words(terminal: Terminal, command: list[str]) -> None:
    terminal.state_dir.mkdir()
    (terminal.state_dir / "postroom.db").write_bytes(b"this was never a database" * 200)

    answer = terminal.call(*command)

    assert answer.code == 74
    assert "[E-DB-CORRUPT]" in answer.out + answer.err


def test_a_removed_working_folder_is_said_in_words(terminal: Terminal) -> None:
    terminal.folder.rmdir()

    answer = terminal.call("check")

    assert answer.code == 74
    assert "cannot use the current folder" in answer.err


def test_a_bug_is_reported_with_its_place_and_no_traceback(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(registry.COMMANDS, "broken", registry.Entry(__name__, "broken", "-"))

    answer = terminal.call("broken")

    assert answer.code == 70
    assert "postroom: a bug: KeyError: 'no such\\x1b[31m key'  [E-BUG]" in answer.err.replace("\\\\", "\\")
    assert "at broken (test_main.py:" in answer.err


def test_a_full_disk_that_nobody_foresaw_is_no_bug(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    (terminal.folder / "page.py").write_text(
        "from postroom.cli import registry\n"
        f"registry.COMMANDS['unlucky'] = registry.Entry({__name__!r}, 'unlucky', '-')\n"
        "from postroom.cli.main import main\nmain(['unlucky'])\n"
    )
    root = str(Path(__file__).parents[3])

    done = subprocess.run(
        [sys.executable, "page.py"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": root},
    )

    assert done.returncode == 74
    assert "No space left on device: '/srv/archive/x'  [E-IO]" in done.stderr
    assert "Traceback" not in done.stderr


# --- the other end of the pipe -----------------------------------------------------------------------


def test_a_reader_that_leaves_early_is_nothing_wrong(terminal: Terminal) -> None:
    reading, writing = os.pipe()
    os.close(reading)

    done = subprocess.run([*AS_MODULE, "help"], stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)

    assert (done.returncode, done.stderr) == (0, b"")


def test_a_full_disk_behind_standard_output_is_said_in_words(terminal: Terminal) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([*AS_MODULE, "help"], stdout=full, stderr=subprocess.PIPE, check=False)

    assert done.returncode == 74
    assert done.stderr.startswith(b"postroom: [Errno 28] No space left on device  [E-IO]\n")
    assert b"Exception ignored" not in done.stderr


def test_a_closed_standard_output_is_nothing_wrong(terminal: Terminal) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$@" >&-', "sh", *AS_MODULE, "help"], stderr=subprocess.PIPE, check=False
    )

    assert (done.returncode, done.stderr) == (0, b"")


def test_a_terminal_that_cannot_show_a_letter_gets_it_spelled_out(terminal: Terminal) -> None:
    terminal.write("Subject: Τιμολόγιο\n\nx", name="greek.eml")

    answer = terminal.spawn("inspect", "greek.eml", environ={"PYTHONIOENCODING": "latin-1"})

    assert answer.code == 0
    assert "\\u03a4\\u03b9" in answer.out


def test_the_configuration_is_named_before_the_command(terminal: Terminal) -> None:
    answer = terminal.call("messages", "-c", "x.toml")

    assert answer.code == 64
    assert "-c stands before the command: postroom -c FILE COMMAND\n" in answer.err


def test_a_usage_fault_says_it_all_at_once(terminal: Terminal) -> None:
    answer = terminal.call("org", "add", "No Slug")

    assert answer.code == 64
    assert "[E-USAGE]" in answer.err
    assert "More:" not in answer.err
