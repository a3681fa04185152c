"""What every test starts from: a quiet log, and properties judged by their answer, not by the clock."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from hypothesis import Phase, settings

from postroom.app.logs import configure
from postroom.config.settings import Log

# A busy machine is no fault of the code; what is green here is green elsewhere; `make fuzz` looks further.
settings.register_profile("postroom", deadline=None, derandomize=True, max_examples=50)
# `make mutate` runs each property thousands of times: few examples, always the same, and none made smaller.
settings.register_profile(
    "mutation",
    deadline=None,
    max_examples=30,
    derandomize=True,
    database=None,
    phases=(Phase.explicit, Phase.generate),
)
settings.load_profile("postroom")

HERE = Path(__file__).parent
LEG = (HERE / "story", HERE / "integration")
"""What is true of a postroom is so on SQLite and files, and on PostgreSQL and S3."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is told on both legs, and what needs a Dovecot whether it says so or not."""
    for test in items:
        if "dovecot" in getattr(test, "fixturenames", ()) and not test.get_closest_marker("greenmail"):
            test.add_marker("dovecot")
        if any(test.path.is_relative_to(folder) for folder in LEG):
            test.add_marker("leg")


@pytest.fixture(autouse=True)
def log() -> io.StringIO:
    """Return the log as JSON lines; it starts anew for each test."""
    lines = io.StringIO()
    configure(Log(level="debug", format="json"), stream=lines, environ={})
    return lines
