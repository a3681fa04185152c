"""A postroom under strace: what it asked of the system in which order, or a kill at its N-th call."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.crash.stages import Host, Stage, tail
from tests.servers.fixtures import program
from tests.servers.waiting import wait_until

CALLS = (
    "write", "pwrite64", "writev", "fsync", "fdatasync", "rename", "renameat", "renameat2", "link", "linkat",
    "unlink", "unlinkat", "mkdir", "mkdirat", "sendto", "sendmsg", "connect",
)  # fmt: skip
# What a database says and is told, and who began which thread.
_CLOSELY = ("recvfrom", "clone", "clone3")
_SHORT_BYTES, _LONG_BYTES = 200, 16_384  # of what a call was given: a page of SQLite, an INSERT of a batch
_LONGEST_SECONDS = 60.0
_BEGAN_THREAD = re.compile(r"CLONE_THREAD\b.*\bparent_tid=\[(?P<thread>\d+)\]")
_LINE = re.compile(r"(?P<thread>\d+)\s+(?P<text>.*)")
_WHOLE = re.compile(r"(?P<name>\w+)\((?P<told>.*)\)\s+= (?P<answer>-?\d+|\?).*")
_BEGUN = re.compile(r"(?P<name>\w+)\((?P<told>.*)<unfinished \.\.\.>")
_ENDED = re.compile(r"<\.\.\. (?P<name>\w+) resumed>(?P<told>.*)\)\s+= (?P<answer>-?\d+|\?).*")


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the system, and what it was told, with the path behind each descriptor.

    When it began and ended are numbers of lines: what ended at a lower one than another began was before it.
    """

    name: str
    told: str
    begun: int
    ended: int
    thread: str


@contextmanager
def traced(
    stage: Stage,
    host: Host,
    words: Sequence[str],
    trace: Path,
    *,
    inject: str = "",
    sabotages: Sequence[str] = (),
    since: str = "",
    closely: bool = False,
) -> Iterator[int]:
    """Let a command line of a host run under strace, which writes to `trace`; yield its pid.

    It is watched from its start on, or from where it first comes to the failpoint `since`.

    `inject` is what befalls its calls, such as "fsync:signal=KILL:when=3" at the third of a thread.
    Looked at `closely`, whole pages are kept, what is received, and which threads begin.
    """
    strace = program("strace")
    stop = f"stand still:{since}" if since else "stand still at first"
    pid = stage.nursery.start(["-c", str(host.config), *words], host.log, sabotages=[stop, *sabotages])
    host.pid = pid
    wait_until(lambda: host.stands_still, "the process to wait for strace")
    longest = str(_LONG_BYTES if closely else _SHORT_BYTES)
    watched = ",".join([*CALLS, *(_CLOSELY if closely else ())])
    befalls = ["-e", f"inject={inject}"] if inject else []
    follow = ["-f", "-y", "-s", longest, "-e", f"trace={watched}", *befalls, "-o", str(trace), "-p", str(pid)]
    with subprocess.Popen([strace, *follow], stderr=subprocess.PIPE) as tracer:
        assert tracer.stderr is not None
        assert b"attached" in tracer.stderr.readline()
        os.kill(pid, signal.SIGCONT)
        try:
            yield pid
        finally:
            stage.kill(host)
            tracer.stderr.read()


def await_end(stage: Stage, host: Host, pid: int, *, is_done: Callable[[], bool]) -> int | None:
    """Return what a traced process ended with, None for one that lives on where `is_done()` holds."""
    deadline = time.monotonic() + _LONGEST_SECONDS
    while time.monotonic() < deadline:
        code = stage.nursery.wait(pid, 0.1)
        if code is not None:
            host.pid = None
            return code
        if is_done():
            return None
    raise AssertionError(f"{stage.cell}: neither at its end nor done in time: {tail(host.log)}")


def calls(trace: Path, *, succeeded: bool = True) -> list[Call]:
    """Return the calls that succeeded, or those that failed, in the order in which they began."""
    begun: dict[tuple[str, str], tuple[int, str]] = {}
    found = []
    for number, line in enumerate(trace.read_text(encoding="utf-8", errors="replace").splitlines()):
        read = _LINE.match(line)
        if read is None:
            continue
        thread, text = read["thread"], read["text"]
        if whole := _WHOLE.fullmatch(text):
            found.append((whole["answer"], Call(whole["name"], whole["told"], number, number, thread)))
        elif first := _BEGUN.match(text):
            begun[thread, first["name"]] = (number, first["told"])
        elif (second := _ENDED.fullmatch(text)) and (thread, second["name"]) in begun:
            at, told = begun.pop((thread, second["name"]))
            found.append((second["answer"], Call(second["name"], told + second["told"], at, number, thread)))
    wanted = [call for answer, call in found if answer != "?" and (int(answer) >= 0) == succeeded]
    return sorted(wanted, key=lambda call: call.begun)


def processes(seen: Sequence[Call]) -> dict[str, str]:
    """Return the first thread of the process of each thread that made a call; looked at `closely`."""
    homes = {call.thread: call.thread for call in seen}
    for call in seen:
        if call.name.startswith("clone") and (began := _BEGAN_THREAD.search(call.told)):
            homes[began["thread"]] = homes[call.thread]
    return homes
