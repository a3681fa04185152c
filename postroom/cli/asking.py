"""What the reading commands have in common: their options, the orgs they read, the one row that is meant."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, TypeVar

import click

from postroom.app.compose import App
from postroom.cli.tables import shown
from postroom.config.values import seconds
from postroom.db.orgs import OrgEntry
from postroom.errors import NotFound, UsageFault

_F = TypeVar("_F", bound=Callable[..., Any])
_T = TypeVar("_T")
_LISTED = 10
_A_CENTURY = timedelta(days=36_500)  # further back, and no calendar has the day

TABLE_ROWS = 50


class Duration(click.ParamType[timedelta]):
    """A duration as the configuration spells it: 90s, 5m, 12h, 30d."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        try:
            found = timedelta(seconds=seconds(value))
        except ValueError:
            self.fail(f'{shown(str(value))} is no duration: write "90s", "5m", "12h" or "30d"', param, ctx)
        return min(found, _A_CENTURY)


def limit_options(command: _F) -> _F:
    """Give a command `--limit` and `--json`."""
    limit = click.option(
        "--limit", type=click.IntRange(min=1), help=f"At most so many; {TABLE_ROWS} in a table by default."
    )
    as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object per line, all of them.")
    return limit(as_json(command))


def listing_options(command: _F) -> _F:
    """Give a command `--since`, `--limit` and `--json`."""
    since = click.option("--since", type=Duration(), help="Only the last while, such as 7d.")
    return since(limit_options(command))


def output_options(command: _F) -> _F:
    """Give a command `-o` and `--force`."""
    output = click.option("-o", "--output", metavar="FILE", help="Where to write it; - is standard output.")
    force = click.option("--force", is_flag=True, help="Overwrite FILE.")
    return output(force(command))


def orgs_of(app: App, slug: str | None) -> list[OrgEntry]:
    """Return the one org that is named, or all.  Raises OrgUnknown."""
    return [app.directory.entry(slug)] if slug else app.directory.every()


def the_one(found: Iterable[_T], words: str, kind: str, line: Callable[[_T], str]) -> _T:
    """Return the only row found for `words`.

    Raises NotFound, or UsageFault, which lists the candidates, one `line` each.
    """
    rows = list(found)
    if not rows:
        raise NotFound(f"there is no {kind} {shown(words, most=200)}", fix=f"postroom {kind}s lists them")
    if len(rows) > 1:
        more = ["  ..."] if len(rows) > _LISTED else []
        lines = [f"  {line(row)}" for row in rows[:_LISTED]]
        told = "\n".join([f"{shown(words, most=200)} may mean several {kind}s:", *lines, *more])
        raise UsageFault(told, fix="give the whole id of one of them")
    return rows[0]
