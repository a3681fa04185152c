"""What `fetch --once --quiet` says: what a person is needed for, once, and once more when it is over."""

from __future__ import annotations

import click

from postroom.app.compose import App
from postroom.app.needs import needs
from postroom.cli.main import say
from postroom.cli.tables import cell, shown
from postroom.core.notices import Notice, tell
from postroom.db.notices import SqlNotices
from postroom.errors import PostroomError, by_code


def say_news(app: App, outage: PostroomError | None) -> None:
    """Say on standard error what is new since the last quiet round, and remember that it was said.

    A crash in between says it twice.  Raises DatabaseUnavailable.
    """
    notices = SqlNotices(app.database)
    told = tell(list(needs(app, outage=outage)), notices.known(), app.now())
    for need in told.new:
        say(by_code().get(need.code, PostroomError)(need.message, fix=need.fix))
    for notice in told.over:
        click.echo(f"postroom: over: {_words(notice)}", err=True)
    notices.replace(told.kept)


def _words(notice: Notice) -> str:
    return f"{shown(notice.message)}  [{notice.code}], since {cell(notice.since)}"
