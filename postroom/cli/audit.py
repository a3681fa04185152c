"""`postroom audit`: does everything add up?"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import click

from postroom.app.auditing import Audit
from postroom.app.by_hand import take_documents_out
from postroom.app.compose import App
from postroom.cli.context import opened
from postroom.cli.finding_words import finding_json, finding_line, summary_line
from postroom.cli.main import say
from postroom.cli.tables import json_line
from postroom.errors import Exit
from postroom.pipeline.reckoning import Finding, Trouble

_PROBLEMS_IN_JSON = 1000


@dataclass(slots=True)
class Outcome:
    """What an audit came to; an orphan alone is not unaccounted for."""

    unaccounted: int = 0
    orphans: int = 0
    repaired: int = 0
    problems: list[dict[str, Any]] = field(default_factory=list)


@click.command(short_help="Count what sources, rows, archive and documents hold against each other.")
@click.option("--repair", is_flag=True, help="Mend what can be: take again, extract again, queue again.")
@click.option("--quick", is_flag=True, help="Compare names and sizes; read no object.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object at the end.")
@click.pass_context
def audit(ctx: click.Context, repair: bool, quick: bool, as_json: bool) -> int:
    """Count what sources, rows, archive and documents hold against each other, and check every hash.

    It ends with `unaccounted=0`, or with a line for each thing that does not add up, and 1.  A running
    service need not be stopped.
    """
    with opened(ctx, secrets=True) as app:
        outcome = Outcome()
        told = (
            _noted(outcome) if as_json else lambda finding, mended: click.echo(finding_line(finding, mended))
        )
        found = _audited(app, outcome, told, deep=not quick, repair=repair)
    for error in found.away.values():
        say(error)
    if as_json:
        json_line(_facts(found, outcome))
    else:
        click.echo(summary_line(found.counts, outcome.orphans, outcome.repaired, outcome.unaccounted))
    if outcome.unaccounted:
        return Exit.UNACCOUNTED
    return Exit.TEMPORARY if found.away else Exit.OK


def _audited(
    app: App, outcome: Outcome, told: Callable[[Finding, bool], None], *, deep: bool, repair: bool
) -> Audit:
    """Go through all of it, with a bar on a terminal, and mend on the way where that is wanted."""
    with click.progressbar(
        length=1, label="auditing", file=sys.stderr, hidden=not sys.stderr.isatty()
    ) as bar:
        audit = Audit(app, deep=deep, step=bar.update)
        bar.length = audit.total() or 1
        repairs = audit.repairs()
        for finding in audit.findings():
            mended = repair and repairs.mend(finding)
            outcome.repaired += mended
            outcome.orphans += finding.trouble is Trouble.ORPHAN and not mended
            outcome.unaccounted += finding.trouble is not Trouble.ORPHAN and not mended
            told(finding, mended)
    if outcome.repaired:
        take_documents_out(app)
    return audit


def _noted(outcome: Outcome) -> Callable[[Finding, bool], None]:
    """Return what keeps the first problems for the JSON object; how many there are is counted apart."""

    def note(finding: Finding, mended: bool) -> None:
        if len(outcome.problems) < _PROBLEMS_IN_JSON:
            outcome.problems.append(finding_json(finding, mended))

    return note


def _facts(audit: Audit, outcome: Outcome) -> dict[str, Any]:
    counts = audit.counts
    return {
        "sources": counts.sources,
        "copies": counts.copies,
        "waiting": counts.waiting,
        "rows": counts.rows,
        "objects": counts.objects,
        "documents": counts.documents,
        "orphans": outcome.orphans,
        "repaired": outcome.repaired,
        "unaccounted": outcome.unaccounted,
        "away": sorted(audit.away),
        "problems": outcome.problems,
    }
