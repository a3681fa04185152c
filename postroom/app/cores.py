"""How many cores this process may use."""

from __future__ import annotations

import os
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")


def usable_cores(cgroups: Path = _CGROUPS, mine: Path = Path("/proc/self/cgroup")) -> int:
    """Return the cores that this process may run on, or those that its time limit comes to, at least one.

    The limit is that of its cgroup, version 2: what `CPUQuota=` of systemd and `--cpus` of Docker set.
    """
    allowed = len(os.sched_getaffinity(0))
    limit = _limit(cgroups, mine)
    return allowed if limit is None else max(1, min(allowed, limit))


def _limit(cgroups: Path, mine: Path) -> int | None:
    try:
        (group,) = [line[3:] for line in mine.read_text().splitlines() if line.startswith("0::")]
        quota, period = (cgroups / group.lstrip("/") / "cpu.max").read_text().split()
        return int(quota) // int(period)
    except (OSError, ValueError):  # no such cgroup, or "max"
        return None
