"""What a process and all below it cost: processor time and memory, as the kernel counts them (proc(5))."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_SAMPLE_SECONDS: Final = 0.02
_SHARES_EVERY: Final = 10  # samples: to sum up proportional shares, the kernel walks all pages


@dataclass(frozen=True, slots=True)
class Cost:
    """What one run of a command cost, from its start to its end.

    `cpu_seconds` are the command's and its descendants'.  `rss_mb` is the most that was resident in the first
    process and besides in those below it; `pss_mb` the most that was theirs by proportional shares.
    """

    wall_seconds: float
    cpu_seconds: float
    server_cpu_seconds: float
    rss_mb: float
    pss_mb: float


class CommandFailed(Exception):
    """A command did not end with 0, or not in time; says how, with the end of what it wrote."""


@dataclass(frozen=True, slots=True)
class Command:
    """What is run and where; `user` is who root becomes for it, "" for nobody else."""

    words: Sequence[str]
    folder: Path
    user: str = ""
    environ: Mapping[str, str] | None = None


def cost_of(command: Command, *, server: int | None = None, seconds: float = 1_800) -> Cost:
    """Run a command to its end; raises CommandFailed.  `server` is the first process of what serves it."""
    before, begun = cpu_seconds(server) if server else 0.0, time.perf_counter()
    written = command.folder / "written"
    with written.open("wb") as out:
        process = _started(command, out.fileno())
        alarm = threading.Timer(seconds, process.kill)
        alarm.start()
        with watched(process.pid) as peak:
            _pid, status, used = os.wait4(process.pid, 0)
            wall = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        alarm.cancel()
    if process.returncode:
        raise CommandFailed(
            f"{command.words[0]} ended with {process.returncode} after {wall:.0f} s: "
            + written.read_text(encoding="utf-8", errors="replace")[-600:]
        )
    return Cost(
        wall,
        used.ru_utime + used.ru_stime,
        cpu_seconds(server) - before if server else 0.0,
        peak.rss_mb,  # not ru_maxrss: that begins with what the bench itself had when it forked
        peak.pss_mb,
    )


def _started(command: Command, out: int) -> subprocess.Popen[bytes]:
    becoming = command.user if command.user and os.geteuid() == 0 else None
    return subprocess.Popen(
        command.words,
        cwd=command.folder,
        env=command.environ,
        stdin=subprocess.DEVNULL,
        stdout=out,
        stderr=out,
        user=becoming,
        group=becoming,
        extra_groups=[] if becoming else None,
    )


@dataclass(slots=True)
class Peak:
    """The most memory that was seen so far."""

    rss_mb: float = 0.0
    pss_mb: float = 0.0


@contextmanager
def watched(pid: int) -> Iterator[Peak]:
    """Yield the peak of a process and all below it, looked at fifty times a second while the block lasts."""
    peak, over = Peak(), threading.Event()

    def watch() -> None:
        number = 0
        while not over.wait(_SAMPLE_SECONDS):
            peak.rss_mb = max(peak.rss_mb, rss_mb(pid))
            if number % _SHARES_EVERY == 0:
                peak.pss_mb = max(peak.pss_mb, pss_mb(pid))
            number += 1

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield peak
    finally:
        over.set()
        watcher.join()


def rss_mb(pid: int) -> float:
    """Return what is resident in a process now, and what all below it have besides, each for itself.

    So a child that was just forked, whose pages are its parent's, adds nothing.
    """
    first, *below = tree(pid)
    found = 0.0
    with suppress(OSError):  # it ended meanwhile; so below
        found = int(Path(f"/proc/{first}/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES / 1e6
    return found + sum(_rollup_mb(one, "Private_Clean:") + _rollup_mb(one, "Private_Dirty:") for one in below)


def pss_mb(pid: int) -> float:
    """Return the proportional shares of a process and all below it: of a page that two have, half each."""
    return sum(_rollup_mb(one, "Pss:") for one in tree(pid))


def _rollup_mb(pid: int, name: str) -> float:
    with suppress(OSError, ValueError):
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").split()
        return int(rollup[rollup.index(name) + 1]) * 1024 / 1e6
    return 0.0


def cpu_seconds(pid: int) -> float:
    """Return what a process and all below it have used, those that ended and were waited for included."""
    ticks = 0
    for one in tree(pid):
        with suppress(OSError):
            ticks += sum(map(int, _stat(one)[11:15]))  # utime, stime, and the same of children that ended
    return ticks / _TICKS


def tree(pid: int) -> list[int]:
    """Return a process and all below it that live now."""
    found = [pid]
    for one in found:
        found += _children(one)
    return found


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task")
    below: list[int] = []
    with suppress(OSError):
        for task in tasks.iterdir():
            below += map(int, (task / "children").read_text(encoding="ascii").split())
    return below


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the state on: proc(5)'s third."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
