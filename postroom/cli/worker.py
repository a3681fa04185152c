"""`postroom worker`: a host of a cluster that takes jobs and begins none."""

from __future__ import annotations

import click

from postroom.cli.context import opened
from postroom.cli.profile import profile_option, profiling
from postroom.cli.run import serve
from postroom.errors import UsageFault
from postroom.jobs.lock import state_lock


@click.command(short_help="Work for the other hosts: take their jobs, until SIGTERM.")
@profile_option
@click.pass_context
def worker(ctx: click.Context, /, *, profile: bool) -> None:
    """Take the jobs that hosts with `postroom run` hand out over PostgreSQL, until SIGTERM or Ctrl-C.

    A worker polls mailboxes when a job says so, extracts and announces; it looks into no Maildir.
    """
    with (
        profiling(wanted=profile) as tell,
        opened(ctx, secrets=True) as app,
        state_lock(app.settings.state_dir, command="worker", now=app.now()),
    ):
        if not app.database.is_shared:
            raise UsageFault(
                "a worker works for other hosts, and SQLite has none",
                fix="set db.url to a PostgreSQL that they share; on one host: postroom run",
            )
        app.take_over()
        app.report_archive()
        serve(app, command="worker", tell=tell, only_works=True)
