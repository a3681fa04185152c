"""How a benchmark tells its figures: a table for people, JSON for machines."""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value; `note` says what it depends on, the last two what is aimed at."""

    name: str
    value: float
    unit: str
    note: str = ""
    at_most: float | None = None
    at_least: float | None = None

    @property
    def aim(self) -> str:
        """Return what is aimed at and whether it is met, or ""."""
        if self.at_most is not None:
            return f"aim <= {self.at_most:g}: {'met' if self.value <= self.at_most else 'MISSED'}"
        if self.at_least is not None:
            return f"aim >= {self.at_least:g}: {'met' if self.value >= self.at_least else 'MISSED'}"
        return ""


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that `share` (0.0 to 1.0) of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def show(figures: Sequence[Figure]) -> None:
    """Print a table of the figures; one that comes alone is laid out as in a table of many."""
    width = max([36, *(len(figure.name) for figure in figures)])
    for figure in figures:
        words = "; ".join(filter(None, (figure.aim, figure.note)))
        sys.stdout.write(f"{figure.name:<{width}}  {figure.value:>12,.3f} {figure.unit:<10} {words}\n")


def told(measured: Iterable[Figure], path: Path | None) -> None:
    """Print each figure as it comes, and keep all so far in `path`, where one is given."""
    kept: list[Figure] = []
    for figure in measured:
        show([figure])
        kept.append(figure)
        if path:
            write(kept, path)


def write(figures: Sequence[Figure], path: Path) -> None:
    """Write the figures as JSON, with the machine that they are of."""
    facts = {"command": command(), "machine": machine(), "figures": [asdict(figure) for figure in figures]}
    path.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def machine() -> dict[str, Any]:
    """Return what figures depend on and no command says; `disk` is the file system of the temp folder."""
    return {
        "cores": os.cpu_count(),
        "disk": _file_system(Path(tempfile.gettempdir()).resolve()),
        "python": platform.python_version(),
        "system": " ".join((platform.system(), _version(platform.release()), platform.machine())),
    }


def _version(release: str) -> str:
    """Return the first two numbers of a kernel's release; the rest names who built it."""
    return ".".join(release.split(".")[:2])


def command() -> str:
    """Return how the running bench was called, but for where its figures are kept."""
    words = sys.argv[1:]
    if "--json" in words:
        place = words.index("--json")
        words = words[:place] + words[place + 2 :]
    path = Path(sys.argv[0]).resolve().relative_to(Path(__file__).parents[1]).with_suffix("")
    module = ".".join(path.parts).removesuffix(".__main__")
    return " ".join([f"python -m {module}", *words])


def _file_system(folder: Path) -> str:
    """Return the type of the file system that a folder lies on (proc(5), mountinfo)."""
    kinds = {}
    for line in Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines():
        before, _, after = line.partition(" - ")
        kinds[before.split()[4]] = after.split()[0]
    return next(kinds[str(above)] for above in (folder, *folder.parents) if str(above) in kinds)
