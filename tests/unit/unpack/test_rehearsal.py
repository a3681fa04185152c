"""A suspect mail is tried by a child: it may die, hang or eat memory, and this process only hears of it."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from postroom.errors import DecoderUnavailable, MessageDeadly
from postroom.unpack.rehearsal import rehearse
from tests.mailbox import mail
from tests.servers.waiting import wait_until


@pytest.fixture
def healthy(tmp_path: Path) -> Path:
    path = tmp_path / "mail"
    path.write_bytes(mail(po=b"%PDF-1.4\n"))
    return path


def children() -> list[int]:
    """Return the processes of this one that take a mail apart."""
    started = [
        int(pid)
        for task in Path("/proc/self/task").iterdir()
        for pid in (task / "children").read_text().split()
    ]
    return [pid for pid in started if b"\0inspect\0" in _command_line(pid)]


def _command_line(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has just ended
        return b""


def test_a_healthy_mail_costs_a_moment(healthy: Path) -> None:
    rehearse(healthy)

    assert children() == []


@pytest.mark.parametrize("raw", [b"", b"\x00\xff" * 1000, b"no header at all\n"])
def test_what_is_no_mail_at_all_is_not_deadly(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "mail"
    path.write_bytes(raw)

    rehearse(path)


def test_a_mail_that_takes_too_long_is_deadly_and_its_child_is_gone(tmp_path: Path) -> None:
    never_ending = tmp_path / "mail"
    os.mkfifo(never_ending)  # opened for reading, it waits for ever

    with pytest.raises(MessageDeadly, match=r"was not done after 1 s|ended with exit code"):
        rehearse(never_ending, seconds=1)

    assert children() == []


def test_a_mail_that_eats_its_memory_is_deadly(healthy: Path) -> None:
    with pytest.raises(MessageDeadly, match=r"ended with exit code|was killed by"):
        rehearse(healthy, memory_bytes=8 * 1024 * 1024)  # less than any Python starts with


@pytest.mark.parametrize(
    ("number", "error"),
    [
        pytest.param(signal.SIGSEGV, MessageDeadly, id="as a decoder's fault kills it"),
        pytest.param(signal.SIGKILL, MessageDeadly, id="as the kernel kills it for memory"),
        pytest.param(signal.SIGTERM, DecoderUnavailable, id="as a shutdown ends it"),
    ],
)
def test_how_a_child_died_says_whose_fault_it_was(
    tmp_path: Path, number: int, error: type[Exception]
) -> None:
    endless = tmp_path / "mail"
    endless.write_bytes(b"Subject: x\n\n")
    killer = threading.Thread(target=kill_the_child, args=(number,))
    killer.start()

    with pytest.raises(error):
        rehearse(endless)

    killer.join()


def kill_the_child(number: int) -> None:
    wait_until(lambda: bool(children()), "a child", seconds=20)
    os.kill(children()[0], number)
