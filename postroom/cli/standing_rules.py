"""`postroom quarantine rules` and `forget`: what `assign --always` made."""

from __future__ import annotations

import click

from postroom.cli.context import opened
from postroom.cli.tables import iso, json_line, shown, table
from postroom.db.standing_rules import SqlStandingRules


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@click.pass_context
def rules(ctx: click.Context, as_json: bool) -> None:
    """List the rules that `assign --always` made, the oldest first."""
    with opened(ctx) as app:
        found = SqlStandingRules(app.database).every()
    if as_json:
        for rule in found:
            json_line(
                {
                    "id": rule.id,
                    "source": rule.source,
                    "recipient": rule.recipient,
                    "org": rule.org,
                    "quarantine": rule.entry_id,
                    "created_at": iso(rule.created_at),
                }
            )
    elif not found:
        click.echo("there are no rules: postroom quarantine assign ID ORG --always makes one", err=True)
    else:
        headings = ("rule", "source", "recipient", "org", "made from", "made")
        lines = ((r.id, r.source, r.recipient, r.org, r.entry_id, r.created_at) for r in found)
        table(headings, lines)


@click.command()
@click.argument("rule_id", metavar="RULE", type=click.IntRange(1, 2**63 - 1))
@click.pass_context
def forget(ctx: click.Context, rule_id: int) -> None:
    """Remove a rule; what it gave to its org stays there."""
    with opened(ctx) as app:
        gone = SqlStandingRules(app.database).remove(rule_id)
    click.echo(f"mail for {shown(gone.recipient)} in {shown(gone.source)} is not {gone.org}'s any more")
