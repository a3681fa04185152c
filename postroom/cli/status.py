"""`postroom status`: sources, queue, quarantine, archive and database; it reads and never writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import click

from postroom import __version__
from postroom.app.archive import open_store
from postroom.app.compose import App
from postroom.app.lag import lag_seconds
from postroom.app.sources import source_names
from postroom.app.tokens import token_lives
from postroom.cli.context import opened, read_config
from postroom.cli.status_tokens import token_answer, token_line, token_troubles
from postroom.cli.tables import age, iso, json_line, shown, table
from postroom.cli.words import counted
from postroom.config.settings import Settings
from postroom.db import reading_status
from postroom.errors import (
    DatabaseCorrupt,
    DatabaseUnavailable,
    ObjectMissing,
    PostroomError,
    SchemaMismatch,
    StoreUnavailable,
)
from postroom.storage.store import ObjectStore

Answer = dict[str, Any]
_NOTHING = "_probe/nothing-lies-here"


@click.command(short_help="Show sources, queue, quarantine, storage and database.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """Say how postroom is: one sentence, then every source, the queue, the database and the archive.

    It ends with 0 also when something needs attention, and only reads: `postroom check --connect` tries out.
    """
    trouble: PostroomError | None = None
    try:
        with opened(ctx) as app:
            answer = look(app, app.now())
    except (DatabaseUnavailable, DatabaseCorrupt, SchemaMismatch) as error:
        answer, trouble = without_database(read_config(ctx, secrets="own").settings, error), error
    if as_json:
        json_line(answer)
    else:
        _show(answer, trouble)


def look(app: App, now: datetime) -> Answer:
    """Return what `status --json` prints.  Raises DatabaseUnavailable, DatabaseCorrupt."""
    orgs = app.directory.every()
    failed, failed_by_source = reading_status.failures(app.database, orgs)
    queue = reading_status.queue(app.database, now)
    nothing_kept = not reading_status.keeps_anything(app.database, orgs)
    return {
        "sources": _sources(app, now, failed_by_source),
        "queue": {
            "received": queue.received,
            "stored": queue.stored,
            "due": queue.due,
            "oldest_seconds": _seconds(queue.oldest_at, now),
        },
        "quarantine": app.quarantine.count(),
        "failed": failed,
        "database": "ok",
        "storage": storage_words(app.store, nothing_kept=nothing_kept),
        "version": __version__,
    }


def without_database(settings: Settings, error: PostroomError) -> Answer:
    """Return what can be said while the database is away: intake stands still, so every source fails."""
    unknown = {"last_success": None, "lag_seconds": None, "today": None, "failed": None, "token": None}
    trouble = _error({"code": error.code, "message": str(error), "fix": error.fix})
    return {
        "sources": [
            {"name": name, "kind": kind, "state": "failing", **unknown, "error": trouble}
            for name, kind in _configured(settings).items()
        ],
        "queue": dict.fromkeys(("received", "stored", "due", "oldest_seconds")),
        "quarantine": None,
        "failed": None,
        "database": str(error),
        "storage": storage_words(open_store(settings), nothing_kept=False),
        "version": __version__,
    }


def storage_words(store: ObjectStore, *, nothing_kept: bool) -> str:
    """Return "ok", or why the archive cannot be read: it is asked for an object that is not there.

    An archive whose folder is not made yet is fine where `nothing_kept` says that nothing was archived.
    """
    try:
        store.get(_NOTHING, "")
    except ObjectMissing:
        return "ok"
    except StoreUnavailable as error:
        if not isinstance(error.__cause__, FileNotFoundError):
            return str(error).replace(f" {_NOTHING}", "")
        return "ok" if nothing_kept else f"its folder is not there: {error.__cause__.filename}"
    return "ok"


def sentence(answer: Answer) -> str:
    """Return how things are in one sentence."""
    return ", ".join(_troubles(answer)) or "All is well"


def _sources(app: App, now: datetime, failed: Mapping[str, int]) -> list[Answer]:
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    polls = reading_status.last_polls(app.database)
    lives = token_lives(app, now)
    answers = []
    for name, kind in source_names(app, polls).items():
        poll = polls.get(name)
        error = poll.error if poll else None
        answers.append(
            {
                "name": name,
                "kind": kind,
                "state": "never" if poll is None else "failing" if error else "ok",
                "last_success": iso(poll.last_success_at) if poll else None,
                "lag_seconds": lag_seconds(app, name, poll, now),
                "today": reading_status.copies_since(app.database, name, midnight),
                "failed": failed.get(name, 0),
                "error": _error(error) if error else None,
                "token": token_answer(lives.get(name)),
            }
        )
    return answers


def _configured(settings: Settings) -> dict[str, str]:
    return dict.fromkeys(settings.mailbox, "imap") | dict.fromkeys(settings.maildir, "maildir")


def _seconds(since: datetime | None, now: datetime) -> int | None:
    return max(0, int((now - since).total_seconds())) if since else None


def _error(record: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(record.get(name, "")) for name in ("code", "message", "fix")}


def _troubles(answer: Answer) -> Iterator[str]:
    if answer["database"] != "ok":
        yield "the database needs attention"
    if answer["storage"] != "ok":
        yield "the archive needs attention"
    failing = [source for source in answer["sources"] if source["state"] == "failing"]
    if failing and answer["database"] == "ok":
        verb = "needs" if len(failing) == 1 else "need"
        yield f"{_called(failing)} {verb} attention"
    yield from token_troubles(answer["sources"])
    if answer["failed"]:
        yield f"{counted(answer['failed'], 'message')} failed"
    if answer["quarantine"]:
        verb = "waits" if answer["quarantine"] == 1 else "wait"
        yield f"{counted(answer['quarantine'], 'mail')} {verb} in quarantine"
    never = [source for source in answer["sources"] if source["state"] == "never"]
    if never:
        yield f"{_called(never)} {'was' if len(never) == 1 else 'were'} never polled"
    if not answer["sources"]:
        yield "no source is configured"


def _called(sources: list[Answer]) -> str:
    """Return how many there are of what: "2 mailboxes", "1 Maildir", "3 sources"."""
    kinds = {source["kind"] for source in sources}
    if kinds == {"imap"}:
        return counted(len(sources), "mailbox", "mailboxes")
    return counted(len(sources), "Maildir" if kinds == {"maildir"} else "source")


def _show(answer: Answer, trouble: PostroomError | None) -> None:
    words = sentence(answer)
    click.echo(f"{words[:1].upper()}{words[1:]}.")
    if answer["sources"]:
        click.echo()
        headings = ("source", "kind", "state", "last success", "lag", "today", "failed")
        table(headings, (_row(source) for source in answer["sources"]))
    for source in answer["sources"]:
        if source["error"] and answer["database"] == "ok":
            _show_error(source["name"], source["error"])
    tokens = [token_line(source) for source in answer["sources"] if source["token"]]
    click.echo("\n".join(["", *tokens]) if tokens else "", nl=bool(tokens))
    click.echo()
    _show_rest(answer, trouble)


def _row(source: Answer) -> tuple[object, ...]:
    moment = source["last_success"]
    return (
        source["name"],
        source["kind"],
        source["state"],
        datetime.fromisoformat(moment) if moment else None,
        age(source["lag_seconds"]),
        source["today"],
        source["failed"],
    )


def _show_error(name: str, error: Mapping[str, str]) -> None:
    click.echo()
    click.echo(f"{shown(name)}: {shown(error['message'])}  [{error['code']}]")
    if error["fix"]:
        click.echo(f"     Fix: {shown(error['fix'])}")


def _show_rest(answer: Answer, trouble: PostroomError | None) -> None:
    queue = answer["queue"]
    if answer["database"] == "ok":
        oldest = f", the oldest for {age(queue['oldest_seconds'])}" if queue["oldest_seconds"] else ""
        depth = f"{queue['received']} received, {queue['stored']} stored, {queue['due']} due{oldest}"
        click.echo(f"queue        {depth}")
        click.echo(f"quarantine   {answer['quarantine']}")
        click.echo(f"failed       {answer['failed']}")
    code = f"  [{trouble.code}]" if trouble else ""
    click.echo(f"database     {shown(answer['database'])}{code}")
    if trouble and trouble.fix:
        click.echo(f"     Fix: {shown(trouble.fix)}")
    click.echo(f"archive      {shown(answer['storage'])}")
    click.echo(f"version      {answer['version']}")
