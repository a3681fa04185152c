"""`postroom completion`: a script for each shell, and fast answers to it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.words import HEAVY, Terminal


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(tmp_path, monkeypatch, capsys)


@pytest.mark.parametrize(
    ("shell", "calls_back"),
    [
        ("bash", "_POSTROOM_COMPLETE=bash_complete"),
        ("zsh", "_POSTROOM_COMPLETE=zsh_complete"),
        ("fish", "_POSTROOM_COMPLETE=fish_complete"),
    ],
)
def test_each_shell_gets_its_script(terminal: Terminal, shell: str, calls_back: str) -> None:
    answer = terminal.call("completion", shell)

    assert answer.code == 0
    assert calls_back in answer.out


def test_an_unknown_shell_is_a_usage_fault(terminal: Terminal) -> None:
    answer = terminal.call("completion", "tcsh")

    assert answer.code == 64


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_takes_its_script(terminal: Terminal) -> None:
    script = terminal.call("completion", "bash").out

    done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_a_tab_lists_the_commands_without_importing_them(terminal: Terminal) -> None:
    looking = (
        "import sys, contextlib\n"
        "from postroom.cli.main import main\n"
        "with contextlib.suppress(SystemExit): main()\n"
        "print(*sys.modules, sep='\\n', file=sys.stderr)"
    )
    asked = {"_POSTROOM_COMPLETE": "bash_complete", "COMP_WORDS": "postroom in", "COMP_CWORD": "1"}

    done = subprocess.run(
        [sys.executable, "-c", looking], env=asked, capture_output=True, text=True, check=True
    )

    assert sorted(done.stdout.split()) == ["plain,ingest", "plain,init", "plain,inspect"]
    assert set(done.stderr.split()) & HEAVY == set()
