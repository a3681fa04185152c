"""`postroom replay`: extraction once more, out of the archive, and what it changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from postroom.app.compose import App
from postroom.app.replaying import Replayed
from postroom.cli.asking import orgs_of
from postroom.cli.context import opened
from postroom.cli.messages import find_message
from postroom.cli.tables import json_line, shown
from postroom.cli.words import counted
from postroom.core.lifecycle import Status
from postroom.db.reading_messages import MessageFilter, MessageView
from postroom.db.reading_messages import messages as listed
from postroom.errors import UsageFault


@click.command(short_help="Take messages apart once more, out of the archive.")
@click.argument("messages", nargs=-1, metavar="[MESSAGE]...")
@click.option("--failed", is_flag=True, help="All messages that failed.")
@click.option("--org", metavar="ORG", help="With --failed: of this org alone.")
@click.option("--code", metavar="CODE", help="With --failed: those that failed with this error code.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@click.pass_context
def replay(
    ctx: click.Context,
    messages: tuple[str, ...],
    failed: bool,
    org: str | None,
    code: str | None,
    as_json: bool,
) -> None:
    """Take each MESSAGE apart once more, and say what changed; nothing is fetched anew.

    MESSAGE is what `postroom explain` takes.  A document whose bytes stay the same keeps its id and is not
    announced again; new ones are.
    """
    from postroom.app.replaying import replay as play  # noqa: PLC0415  (it brings the whole house with it)

    if failed == bool(messages) or ((org or code) and not failed):
        raise UsageFault("name the messages, or say --failed", fix="postroom messages --status failed")
    with opened(ctx) as app:
        chosen = _failed(app, org, code) if failed else _named(app, messages)
        for done in play(app, chosen):
            json_line(_json(done)) if as_json else click.echo(_line(done))


def _named(app: App, words: tuple[str, ...]) -> Iterator[MessageView]:
    orgs = orgs_of(app, None)
    yield from [find_message(app, orgs, each) for each in words]  # all of them, before the first is sent back


def _failed(app: App, org: str | None, code: str | None) -> Iterator[MessageView]:
    wanted = MessageFilter(status=Status.FAILED)
    for view in listed(app.database, orgs_of(app, org), wanted):
        if code is None or (view.error or {}).get("code") == code:
            yield view


def _line(done: Replayed) -> str:
    before, after = done.before, done.after
    who = f"{before.id}  {before.org}  {shown(before.subject or '-', most=40)}"
    if after is None:
        why = "its raw mail was never archived" if before.raw_key is None else "it is on its way already"
        return f"{who}: left as it is ({before.status.value}): {why}"
    error = f"  [{(after.error or {}).get('code')}]" if after.status is Status.FAILED else ""
    changes = [f"{len(done.new)} new"] * bool(done.new) + [f"{len(done.gone)} gone"] * bool(done.gone)
    told = ", ".join([counted(after.documents, "document"), *(changes or ["none changed"])])
    return f"{who}: {before.status.value} -> {after.status.value}{error}, {told}"


def _json(done: Replayed) -> dict[str, Any]:
    before, after = done.before, done.after
    return {
        "id": str(before.id),
        "org": before.org,
        "before": before.status.value,
        "after": after.status.value if after else None,
        "documents": after.documents if after else before.documents,
        "new": list(done.new),
        "gone": list(done.gone),
        "error": (after.error or {}).get("code") if after else None,
    }
