from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from tests.unit.cli.room import Room
from tests.unit.cli.words import Terminal


@pytest.fixture
def room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Room]:
    """A fresh postroom; what its commands told the logging is taken back."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield Room(Terminal(tmp_path, monkeypatch, capsys))
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()
