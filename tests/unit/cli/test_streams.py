"""Started with closed streams, or by a user without a home, as daemons and containers do it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import ENVIRONMENT, postroom


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_no_bug_and_leaves_the_database_whole(tmp_path: Path, closed: str) -> None:
    environment = {**ENVIRONMENT, "POSTROOM_STATE_DIR": str(tmp_path / "state")}
    command = f'"{sys.executable}" -m postroom'

    wrote = subprocess.run(["sh", "-c", f"{command} org add acme {closed}"], env=environment, check=False)
    config = tmp_path / "postroom.toml"
    config.touch(0o600)
    config.write_text(f'state_dir = "{tmp_path}/state"\n', encoding="utf-8")
    asked = postroom(config, "org", "list", "--json")

    assert wrote.returncode == 0
    assert '"acme"' in asked.out


NAMELESS = """
import pwd
def nobody(_uid): raise KeyError
pwd.getpwuid = nobody
from postroom.cli.main import main
main(["status", "--json"])
"""


def test_a_user_without_a_name_and_a_home_is_no_bug(tmp_path: Path) -> None:
    environment = {name: value for name, value in ENVIRONMENT.items() if name != "HOME"}

    done = subprocess.run(
        [sys.executable, "-c", NAMELESS],
        env={**environment, "POSTROOM_STATE_DIR": str(tmp_path / "state")},
        check=False,
        capture_output=True,
        text=True,
    )

    assert "E-BUG" not in done.stderr
    assert done.returncode == 0, done.stderr
