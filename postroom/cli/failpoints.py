"""`postroom failpoints`: where a test can let a run die, fail or stand still."""

from __future__ import annotations

import json

import click

from postroom.cli.words import columns
from postroom.failpoints import FAILPOINTS, HELD_SECONDS, VARIABLE


@click.command(short_help="List where a test can let a run die or fail.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def failpoints(*, as_json: bool) -> None:
    """List the places on the way of a mail where a test can let a run die, fail or stand still."""
    if as_json:
        for name, when in FAILPOINTS.items():
            click.echo(json.dumps({"name": name, "when": when}))
        return
    for line in columns(FAILPOINTS.items()):
        click.echo(line)
    click.echo(
        f"\n{VARIABLE}=NAME:ACT, or NAME:N:ACT for the N-th time; ACT is kill (the process itself), raise"
    )
    click.echo(f"(an error, as if something were away) or sleep (for {HELD_SECONDS:.0f} seconds).")
