"""What every test starts from: a quiet log, and properties judged by their answer, not by the clock."""

from __future__ import annotations

import io

import pytest
from hypothesis import settings

from postroom.app.logs import configure
from postroom.config.settings import Log

settings.register_profile("postroom", deadline=None)  # a busy machine is no fault of the code
settings.load_profile("postroom")


@pytest.fixture(autouse=True)
def log() -> io.StringIO:
    """Return the log as JSON lines; it starts anew for each test."""
    lines = io.StringIO()
    configure(Log(level="debug", format="json"), stream=lines, environ={})
    return lines
