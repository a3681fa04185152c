"""How a benchmark tells its figures: a table for people, JSON for machines."""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value; `note` says what it depends on."""

    name: str
    value: float
    unit: str
    note: str = ""


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that `share` (0.0 to 1.0) of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def show(figures: Sequence[Figure]) -> None:
    """Print a table of the figures."""
    width = max(len(figure.name) for figure in figures)
    for figure in figures:
        sys.stdout.write(f"{figure.name:<{width}}  {figure.value:>12,.3f} {figure.unit:<10} {figure.note}\n")


def write(figures: Sequence[Figure], path: Path) -> None:
    """Write the figures as JSON, with the machine that they are of."""
    command = " ".join([f"python -m {_program()}", *sys.argv[1:]])
    facts = {"command": command, "machine": machine(), "figures": [asdict(figure) for figure in figures]}
    path.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def machine() -> dict[str, Any]:
    """Return what figures depend on and no command says."""
    return {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}


def _program() -> str:
    """Return the bench that runs, as `python -m` knows it."""
    return (
        Path(sys.argv[0])
        .resolve()
        .relative_to(Path(__file__).parents[1])
        .with_suffix("")
        .as_posix()
        .replace("/", ".")
    )
