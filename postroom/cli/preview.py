"""What a dry run says: each mail and what would become of it; nothing is written."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

import click

from postroom.app.compose import App
from postroom.db.values import Seen
from postroom.jobs.house import SourceKit
from postroom.pipeline.accept import preview


def show_preview(
    app: App, chosen: Sequence[SourceKit], *, limit: int | None, since: datetime | None, as_json: bool
) -> None:
    """Read what is new in the chosen sources and print a line for each mail.

    Raises SourceUnavailable and its kind.
    """
    slug_of = {entry.id: entry.slug for entry in app.directory.every()}
    for kit in chosen:
        with kit.connect() as source:
            for batch in source.batches(kit.memory, limit=limit or kit.max_per_poll, since=since):
                for seen in preview(batch, desk=kit.desk).seen:
                    slug = slug_of.get(seen.key.org_id) if seen.key else None
                    click.echo(json.dumps(_facts(seen, slug)) if as_json else _words(seen, slug))


def _facts(seen: Seen, slug: str | None) -> dict[str, object]:
    return {
        "source": seen.place.source,
        "folder": seen.place.folder,
        "uid": seen.place.uid,
        "file": seen.place.file_name,
        "verdict": seen.verdict.value,
        "org": slug,
        "message_id": seen.key.source_message_id if seen.key else None,
        "size": seen.size_bytes,
        "reason": seen.held.reason if seen.held else None,
    }


def _words(seen: Seen, slug: str | None) -> str:
    where = seen.place.file_name or f"{seen.place.folder} UID {seen.place.uid}"
    whom = f"for {slug}" if slug else (seen.held.reason if seen.held else "no such org")
    return f"{seen.place.source}  {where!r}  {seen.size_bytes} bytes  would be {seen.verdict.value}, {whom}"
