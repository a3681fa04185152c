"""`postroom help`: every error in words, and the way out."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from postroom.errors import by_code
from tests.unit.cli.words import Terminal


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize(("code", "error"), by_code().items(), ids=list(by_code()))
def test_every_code_is_explained(terminal: Terminal, code: str, error: type[Exception]) -> None:
    answer = terminal.call("help", code)

    assert answer.code == 0
    assert answer.out.startswith(f"{code}\n\n{inspect.getdoc(error)}\n\nExit code ")


def test_a_bug_is_explained_too(terminal: Terminal) -> None:
    answer = terminal.call("help", "E-BUG")

    assert answer.code == 0
    assert "No mail is lost by it" in answer.out
    assert answer.out.endswith("\nExit code 70.\n")


def test_without_a_code_all_are_listed_with_their_first_line(terminal: Terminal) -> None:
    answer = terminal.call("help")

    lines = dict(line.split(maxsplit=1) for line in answer.out.splitlines())
    assert lines.keys() == {*by_code(), "E-BUG"}
    assert lines["E-IMAP-AUTH"] == "The mail server refused user and password, or user and token."


@pytest.mark.parametrize("written", ["e-imap-auth", "IMAP-AUTH", "imap-auth"])
def test_a_code_may_be_written_in_a_hurry(terminal: Terminal, written: str) -> None:
    answer = terminal.call("help", written)

    assert answer.out.startswith("E-IMAP-AUTH\n")


def test_a_code_that_is_none_is_guessed(terminal: Terminal) -> None:
    answer = terminal.call("help", "E-IMAP-OATH")

    assert answer.code == 64
    assert "     Fix: did you mean E-IMAP-AUTH?\n" in answer.err


@pytest.mark.parametrize(
    ("wanted", "fix"),
    [
        pytest.param("nix", "postroom help lists all codes", id="nothing near"),
        pytest.param("fetsch", "did you mean postroom help fetch?", id="a command"),
    ],
)
def test_only_what_is_near_is_guessed(terminal: Terminal, wanted: str, fix: str) -> None:
    answer = terminal.call("help", wanted)

    assert f'there is no error code "{wanted}"  [E-NOT-FOUND]\n     Fix: {fix}\n' in answer.err


def test_the_name_of_a_command_shows_its_help(terminal: Terminal) -> None:
    answer = terminal.call("help", "check")

    assert answer.code == 0
    assert answer.out.startswith("Usage: postroom check [OPTIONS]\n")
