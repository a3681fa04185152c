"""`--profile` and POSTROOM_PROFILE: where the time of a command went, said at its end."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any

import click

from postroom.errors import FileFault
from postroom.stages import VARIABLE, Ledger, profiled

_MAIN, _WORKERS = "main", "workers"
_ORDER = (_MAIN, "polls", "work", _WORKERS)
_OFF = {"", "0"}
_ON_STDERR = "1"
_METRICS = ".prom"

profile_option = click.option("--profile", is_flag=True, help="Say at the end where the time went.")


@contextmanager
def profiling(*, wanted: bool) -> Iterator[Callable[[], None] | None]:
    """Count the stages of the block, if that is `wanted` here or by the environment, and say them at the end.

    POSTROOM_PROFILE is 1, as if by the option, or the file that the figures go to: in the text format of
    Prometheus where its name ends with .prom, else as JSON.  Yields what a service calls now and then, so
    that the file for Prometheus is of now; None where there is none.  Raises FileFault.
    """
    target = os.environ.get(VARIABLE, "")
    if not wanted and target in _OFF:
        yield None
        return
    ledger = Ledger()
    ledger.add(_MAIN, "start", _age_seconds())
    tell = partial(_tell, target, ledger)
    try:
        with profiled(ledger), ledger.track(_MAIN):
            yield tell if target.endswith(_METRICS) else None
    finally:
        with suppress(FileFault) if sys.exception() else nullcontext():  # the other trouble came first
            tell()


def _tell(target: str, ledger: Ledger) -> None:
    if target in _OFF | {_ON_STDERR}:
        click.echo(_table(_facts(ledger)), err=True)
        return
    write = _write_metrics if target.endswith(_METRICS) else _write_json
    try:
        write(Path(target), ledger)
    except OSError as error:
        raise FileFault(
            f"cannot write {target}: {error.strerror}", fix=f"{VARIABLE} names the file"
        ) from error


def _facts(ledger: Ledger) -> dict[str, Any]:
    """Return the figures; `mails` are those that were taken apart, `seconds` those of the main track."""
    rows: list[dict[str, Any]] = [
        {"track": track, "stage": name, "seconds": spent.seconds, "times": spent.times}
        for (track, name), spent in sorted(ledger.so_far().items(), key=lambda each: _place(each[0][0]))
    ]
    mails = sum(row["times"] for row in rows if row["stage"] == "take apart")
    return {"mails": mails, "seconds": _sum(rows, _MAIN), "stages": rows}


def _place(track: str) -> int:
    return _ORDER.index(track) if track in _ORDER else len(_ORDER)


def _sum(rows: list[dict[str, Any]], track: str) -> float:
    return float(sum(row["seconds"] for row in rows if row["track"] == track))


def _table(facts: dict[str, Any]) -> str:
    mails, rows = facts["mails"], facts["stages"]
    lines = [
        f"Where the time went: {mails} mails taken apart in {facts['seconds']:.2f} s",
        f"{'track':<9}{'stage':<13}{'seconds':>9}{'share':>7}{'ms/mail':>9}{'times':>8}",
    ]
    for track in dict.fromkeys(row["track"] for row in rows):
        whole = _sum(rows, track)
        mine = [row for row in rows if row["track"] == track]
        for row in [*mine, {"stage": "together", "seconds": whole, "times": ""}]:
            share = row["seconds"] / whole if whole else 0.0
            each = f"{1000 * row['seconds'] / mails:.2f}" if mails else "-"
            lines.append(
                f"{track:<9}{row['stage']:<13}{row['seconds']:>9.3f}{share:>7.0%}{each:>9}{row['times']:>8}"
            )
    return "\n".join(lines)


def _write_json(path: Path, ledger: Ledger) -> None:
    path.write_text(json.dumps(_facts(ledger), indent=1) + "\n", encoding="utf-8")


def _write_metrics(path: Path, ledger: Ledger) -> None:
    from postroom.web.metrics import write_metrics  # noqa: PLC0415  (nobody else pays for Prometheus' client)

    write_metrics(path, ledger.so_far())


def _age_seconds() -> float:
    """Return how long ago this process began; 0 where the system does not tell (Linux does)."""
    try:
        stat = Path("/proc/self/stat").read_text(encoding="utf-8")
    except OSError:
        return 0.0
    ticks = int(stat.rpartition(")")[2].split()[19])  # field 22 of proc(5): starttime
    return max(0.0, time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK"))
