"""The lock on a state_dir: one at a time, and a name for whoever holds it."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from postroom.errors import FileFault, Locked
from postroom.jobs.lock import holder_of, state_lock

MORNING = datetime(2025, 3, 4, 9, 0, 0, 123456, tzinfo=UTC)
HOLDER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from postroom.jobs.lock import state_lock
with state_lock(Path(sys.argv[1]), command="run", now=datetime(2025, 3, 4, 9, tzinfo=UTC)):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Yield another process that holds the lock."""
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_a_second_one_is_told_who_holds_the_lock(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(Locked) as refused, state_lock(tmp_path, command="fetch --once", now=MORNING):
        pass

    assert str(refused.value) == (
        f"postroom run (pid {holder.pid}, since 2025-03-04 09:00:00Z) works on {tmp_path}"
    )
    assert "use a state_dir of its own" in refused.value.fix


def test_a_lock_ends_with_its_process_however_it_ends(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait()

    with state_lock(tmp_path, command="run", now=MORNING):
        signed = (tmp_path / "lock").read_text(encoding="utf-8")

    assert signed == f'{{"pid": {os.getpid()}, "command": "run", "since": "2025-03-04 09:00:00Z"}}'


def test_a_lock_can_be_taken_again_and_again(tmp_path: Path) -> None:
    for _ in range(3):
        with state_lock(tmp_path, command="run", now=MORNING):
            pass


def test_a_half_written_signature_names_nobody(tmp_path: Path) -> None:
    with state_lock(tmp_path, command="run", now=MORNING):
        (tmp_path / "lock").write_text('{"pid": 1', encoding="utf-8")

        with (
            pytest.raises(Locked, match=r"^another postroom works on"),
            state_lock(tmp_path, command="run", now=MORNING),
        ):
            pass


def test_a_state_dir_that_is_not_there_is_named(tmp_path: Path) -> None:
    with (
        pytest.raises(FileFault, match=r"cannot open .*/nowhere/lock: No such file"),
        state_lock(tmp_path / "nowhere", command="run", now=MORNING),
    ):
        pass


def test_a_state_dir_has_one_name_at_every_start_and_no_other_has_it(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()

    names = [holder_of(here), holder_of(here), holder_of(there)]

    assert names[0] == names[1]
    assert names[0] != names[2]
    assert all(re.fullmatch(rf"{re.escape(socket.gethostname())}:[0-9a-f]{{8}}", name) for name in names)


def test_a_host_without_a_place_for_its_name_says_which(tmp_path: Path) -> None:
    with pytest.raises(FileFault, match=r"cannot use .*/nowhere/host-id: No such file"):
        holder_of(tmp_path / "nowhere")
