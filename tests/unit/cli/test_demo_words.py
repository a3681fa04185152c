"""The last lines of the demo can be copied as they stand, wherever postroom was started from."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from postroom.cli.demo import called_as


@pytest.mark.parametrize(
    ("on_path", "words"),
    [pytest.param(True, "postroom", id="installed"), pytest.param(False, "{folder}/postroom", id="checkout")],
)
def test_the_command_is_named_as_it_can_be_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_path: bool, words: str
) -> None:
    script = tmp_path / "postroom"
    script.touch(mode=0o755)
    monkeypatch.setattr(sys, "argv", [str(script), "demo"])
    monkeypatch.setenv("PATH", str(tmp_path) if on_path else "/nonexistent")

    assert called_as() == words.format(folder=tmp_path)


def test_a_module_that_was_run_is_called_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/srv/postroom/__main__.py", "demo"])

    assert called_as() == "postroom"
