"""Containers are opened wherever postroom runs: hardened, as PID 1, and with nobody left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from postroom.unpack.order import BEGUN
from tests.containers import Packed, endless, winmail
from tests.servers.waiting import wait_until

HERE = Path(__file__).parents[2]
OPEN = """
import sys
from dataclasses import replace
from pathlib import Path
from postroom.core.limits import DEFAULT_LIMITS
from postroom.unpack.container import Room
from postroom.unpack.opener import open_containers
content, into, seconds = Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3])
limits = replace(DEFAULT_LIMITS, unpack_seconds=seconds)
found = open_containers(limits).unpack("tnef", content, into, name="", room=Room(9, 999))
print([inner.filename for inner in found.inner])
"""
# prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN): what MemoryDenyWriteExecute=yes asks of the kernel
NO_NEW_CODE = "import ctypes, sys\nif ctypes.CDLL(None).prctl(65, 1, 0, 0, 0): sys.exit(77)\n"


def opening(folder: Path, content: bytes, *before: str, script: str = OPEN, seconds: int = 60) -> list[str]:
    """Return the command line that opens `content` in a Python of its own."""
    (folder / "content").write_bytes(content)
    (folder / "into").mkdir()
    words = (str(folder / "content"), str(folder / "into"), str(seconds))
    return [*before, sys.executable, "-c", script, *words]


def said(command: list[str]) -> str:
    done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, check=False)
    if done.returncode == 77:
        pytest.skip("this kernel has no PR_SET_MDWE (Linux 6.3)")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_no_memory_needs_to_be_written_and_executed(tmp_path: Path) -> None:
    command = opening(tmp_path, winmail(Packed(b"x", name="a.txt")), script=NO_NEW_CODE + OPEN)

    assert said(command) == "['a.txt']"


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, for a PID namespace (unshare)")
def test_the_first_process_of_a_container_opens_them_too(tmp_path: Path) -> None:
    command = opening(tmp_path, winmail(Packed(b"x", name="a.txt")), "unshare", "-pf", "--mount-proc")

    assert said(command) == "['a.txt']"


def test_a_child_whose_parent_was_killed_ends_by_itself(tmp_path: Path) -> None:
    with subprocess.Popen(opening(tmp_path, endless(), seconds=2), cwd=HERE) as parent:
        wait_until((tmp_path / "into" / BEGUN).exists, "the child begins", seconds=40)
        child = child_of(parent.pid)
        parent.send_signal(signal.SIGKILL)

    wait_until(lambda: not is_alive(child), "the child ends", seconds=40)


def child_of(parent: int) -> int:
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii").split()
    return int(children[0])


def is_alive(process: int) -> bool:
    """Return whether it runs; one that nobody has waited for is dead all the same."""
    try:
        return "State:\tZ" not in Path(f"/proc/{process}/status").read_text(encoding="ascii")
    except OSError:
        return False
