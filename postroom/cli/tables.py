"""Answers on standard output: a table on a terminal, aligned text elsewhere, JSON for machines.

A subject or a file name may hold what a terminal would obey, so every text goes through `shown`.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar

import click

_T = TypeVar("_T")
_CELL = 60
_NEVER_FOLDED = 36  # ids and times
_NARROWEST = 16
_GAP = 2
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def shown(text: str, *, most: int | None = None) -> str:
    r"""Return `text` with everything that cannot be seen spelled out, on one line, cut after `most` letters.

    Control, format (bidi, zero width) and private characters become \x1b, \u202e and the like, and so does
    what this standard output cannot encode.
    """
    safe = "".join(letter if _is_seen(letter) else _spelled(letter) for letter in text)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    safe = safe.encode(encoding, "backslashreplace").decode(encoding)
    return safe if most is None or len(safe) <= most else safe[: most - 3] + "..."


def cell(value: object) -> str:
    """Return a value as a table shows it: "-" for nothing, times in UTC to the second."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"
    return shown(str(value), most=_CELL)


def table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows below their headings; on a terminal, long texts are folded to fit."""
    lines = [[cell(value) for value in row] for row in rows]
    if sys.stdout.isatty():
        _on_terminal(headings, lines)
        return
    widths = [max(map(len, column)) for column in zip(headings, *lines, strict=True)]
    for line in (headings, *lines):
        click.echo("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def facts(pairs: Iterable[tuple[str, object]]) -> None:
    """Print one fact per line, its name in front."""
    for name, value in pairs:
        words = cell(value) if not isinstance(value, str) else shown(value) or "-"
        click.echo(f"{name:<14}{words}")


def json_line(answer: Mapping[str, Any]) -> None:
    """Print one JSON object on one line, in ASCII, so that no terminal obeys and no encoding refuses it."""
    click.echo(json.dumps(answer))


def iso(moment: datetime | None) -> str | None:
    """Return a time as JSON has it: ISO 8601 with its offset."""
    return moment.isoformat() if moment else None


def age(seconds: float | None) -> str:
    """Return an age in its largest whole unit, such as "3 h"."""
    if seconds is None:
        return "-"
    for length, unit in _UNITS:
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{int(seconds)} s"


def first(rows: Iterable[_T], limit: int) -> list[_T]:
    """Return up to `limit` rows, and say on standard error when there are more."""
    found = list(islice(rows, limit + 1))
    if len(found) > limit:
        click.echo(f"only the first {limit} are shown: --limit N shows more", err=True)
    return found[:limit]


def short(row_id: object) -> str:
    """Return as much of a row id as tells it apart in practice; commands take this much of it."""
    return str(row_id)[:18]


def _on_terminal(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    from rich.console import Console  # noqa: PLC0415  (only a terminal pays for it)
    from rich.table import Table  # noqa: PLC0415  (as above)
    from rich.text import Text  # noqa: PLC0415  (as above)

    grid, least = Table(box=None, pad_edge=False, header_style="bold"), 0
    for heading, *column in zip(headings, *lines, strict=True):
        width = max(map(len, (heading, *column)))
        width = width if width <= _NEVER_FOLDED else _NARROWEST
        grid.add_column(heading, min_width=width, overflow="fold")
        least += width + _GAP
    for line in lines:
        grid.add_row(*map(Text, line))  # Text, so that "[red]" in a subject stays what it is
    console = Console(markup=False, highlight=False, emoji=False)
    # Where it does not fit, the terminal breaks the lines: cut off, an id would be of no use.
    console.print(grid, width=max(console.width, least), crop=False, soft_wrap=False)


def _is_seen(letter: str) -> bool:
    return letter.isprintable() or unicodedata.category(letter) == "Zs"


def _spelled(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
