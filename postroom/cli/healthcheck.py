"""`postroom healthcheck`: whether the running service is alive and its database and archive answer."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from postroom.cli.context import read_config
from postroom.cli.tables import shown
from postroom.errors import Exit, PostroomError


@click.command(short_help="Say whether the running service is healthy, for containers.")
@click.option(
    "--timeout",
    "seconds",
    type=click.FloatRange(0.1, 300),
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    help="What has not answered by then counts as away.",
)
@click.pass_context
def healthcheck(ctx: click.Context, seconds: float) -> int:
    """Say whether the running service is healthy, and end with 0 only if it is.

    Its heartbeat must be fresh, and the database and the archive must answer.  Nothing is changed.
    """
    from postroom.app.health import examine  # noqa: PLC0415  (loads what the archive is made of)

    settings = read_config(ctx, secrets="own").settings
    errors: list[PostroomError] = []
    for finding in examine(settings, now=datetime.now(UTC), seconds=seconds):
        if finding.error is None:
            click.echo(f" ok   {finding.part:<9}  {shown(finding.words)}")
            continue
        errors.append(finding.error)
        click.echo(f" FAIL {finding.part:<9}  {shown(finding.words)}  [{finding.error.code}]")
        if finding.error.fix:
            click.echo(f"      Fix: {shown(finding.error.fix)}")
    return errors[0].exit if errors else Exit.OK
