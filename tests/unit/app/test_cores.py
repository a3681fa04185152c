"""How many cores there are for this process."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from postroom.app.cores import usable_cores

ALL = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("limit", "cores"),
    [("max 100000", ALL), ("100000 100000", 1), ("150000 100000", 1), ("50000 100000", 1), ("", ALL)],
)
def test_a_time_limit_of_the_cgroup_counts_in_whole_cores(tmp_path: Path, limit: str, cores: int) -> None:
    (tmp_path / "system.slice").mkdir()
    (tmp_path / "system.slice" / "cpu.max").write_text(limit, encoding="utf-8")
    mine = tmp_path / "mine"
    mine.write_text("12:cpu:/old\n0::/system.slice\n", encoding="utf-8")

    assert usable_cores(tmp_path, mine) == cores


def test_where_the_system_says_nothing_of_cgroups_every_core_counts(tmp_path: Path) -> None:
    assert usable_cores(tmp_path, tmp_path / "nothing") == ALL
