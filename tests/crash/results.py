"""The figures of a campaign: kept part by part, so that it can go on later, and printed as a table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.crash.counting import Count

_COLUMNS = {
    "kills": "kills", "sent": "sent", "lost": "lost", "lost_documents": "lost docs", "doubled": "doubled",
    "doubled_documents": "doubled docs", "cross_org": "cross-org", "stuck": "stuck", "failed": "failed",
    "hash_mismatches": "hash", "orphans": "orphans", "unannounced": "unannounced", "unsettled": "unsettled",
    "strangers": "strangers", "doubled_announcements": "told twice",
}  # fmt: skip


@dataclass(slots=True)
class Result:
    """One part of one cell: what was counted, and how long each recovery took, in seconds."""

    cell: str
    part: str
    seed: int
    count: Count
    recoveries: list[float] = field(default_factory=list)
    frozen: int = 0
    reached: list[str] = field(default_factory=list)
    breaches: list[str] = field(default_factory=list)


def save(result: Result, folder: Path) -> None:
    """Keep a part that is over."""
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{result.cell}.{result.part}"
    draft.write_text(json.dumps(asdict(result)), encoding="utf-8")
    draft.rename(folder / f"{result.cell}.{result.part}.json")


def load(folder: Path) -> list[Result]:
    """Return the parts that were kept, in the order of their names."""
    found = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.json"))]
    return [Result(**{**each, "count": Count(**each["count"])}) for each in found]


def table(results: Iterable[Result]) -> str:
    """Return a line for each kind of part of each cell, as Markdown; recoveries in milliseconds."""
    by_row: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        by_row.setdefault((result.cell, result.part.partition(".")[0]), []).append(result)
    head = ["cell", "part", *_COLUMNS.values(), "frozen", "p50 ms", "p99 ms"]
    rows = [_row(cell, part, some) for (cell, part), some in by_row.items()]
    lines = [head, ["---"] * 2 + ["--:"] * (len(head) - 2), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _row(cell: str, part: str, some: Sequence[Result]) -> list[str]:
    count = sum((result.count for result in some), Count(0))
    recoveries = sorted(seconds for result in some for seconds in result.recoveries)
    figures = [str(getattr(count, name)) for name in _COLUMNS]
    frozen = str(sum(result.frozen for result in some))
    return [cell, part, *figures, frozen, _at(recoveries, 0.5), _at(recoveries, 0.99)]


def _at(ordered: Sequence[float], share: float) -> str:
    """Return the value that this share of all stays below or at."""
    return f"{1000 * ordered[min(int(share * len(ordered)), len(ordered) - 1)]:.0f}" if ordered else "-"
