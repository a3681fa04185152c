"""What a command costs: its whole tree counts, and a failure has no cost."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bench.tree import Command, CommandFailed, cost_of

_WORK = "sum(range(6_000_000))"
_CHILD = """
import os, time
child = os.fork()
block = bytearray(80_000_000)
block[::4096] = bytes(len(block[::4096]))
if child:
    os.waitpid(child, 0)
else:
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        pass
    os._exit(0)
"""


def python(program: str, folder: Path) -> Command:
    return Command((sys.executable, "-c", program), folder)


def test_the_memory_of_all_processes_is_summed_up(tmp_path: Path) -> None:
    cost = cost_of(python(_CHILD, tmp_path))

    assert cost.rss_mb > 160
    assert cost.pss_mb > 150


def test_what_a_forked_child_shares_with_its_parent_counts_once(tmp_path: Path) -> None:
    before, after = _CHILD.split("child = os.fork()\n", 1)[1].split("if child", 1)

    cost = cost_of(python(f"import os, time\n{before}child = os.fork()\nif child{after}", tmp_path))

    assert 80 < cost.rss_mb < 130


def test_the_processor_time_of_children_counts(tmp_path: Path) -> None:
    cost = cost_of(
        python(f"import subprocess, sys; subprocess.run([sys.executable, '-c', '{_WORK}'])", tmp_path)
    )

    assert cost.cpu_seconds > 0.05
    assert cost.wall_seconds > 0.05


def test_what_the_bench_itself_has_in_memory_does_not_count(tmp_path: Path) -> None:
    held = bytearray(200_000_000)
    held[::4096] = bytes(len(held[::4096]))

    cost = cost_of(python(_WORK, tmp_path))

    assert cost.rss_mb < 100


def test_a_command_that_fails_says_how_it_ended_and_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"ended with 3 .*no such mailbox"):
        cost_of(python("import sys; print('no such mailbox'); sys.exit(3)", tmp_path))


def test_a_command_that_does_not_end_is_ended(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match="ended with -9"):
        cost_of(python("import signal; signal.pause()", tmp_path), seconds=0.5)
