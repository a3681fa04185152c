"""What a dry run says: each mail and what would become of it; nothing is written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import click

from postroom.app.compose import App
from postroom.cli.tables import json_line, table
from postroom.cli.words import counted, size_words
from postroom.core.routing import address_pattern, slug_in
from postroom.db.values import Held, Seen, Verdict
from postroom.jobs.house import SourceKit
from postroom.pipeline.accept import preview

_TAKEN = {Verdict.ACCEPTED, Verdict.CONFLICT}
_HAD = {Verdict.DUPLICATE, Verdict.KNOWN}


@dataclass(frozen=True, slots=True)
class _Foreseen:
    """One copy and its verdict; `org` is the slug of who would get it, None where nobody would."""

    seen: Seen
    org: str | None
    sender: str | None


def show_preview(
    app: App, chosen: Sequence[SourceKit], *, limit: int | None, since: datetime | None, as_json: bool
) -> None:
    """Read what is new in the chosen sources and print a line for each mail, and for people a sum.

    Raises SourceUnavailable and its kind.
    """
    foreseen = _foreseen(app, chosen, limit, since)
    if as_json:
        for one in foreseen:
            json_line(_facts(one))
        return
    found = list(foreseen)
    if not found:
        click.echo(f"nothing new in {counted(len(chosen), 'source')}")
        return
    rows = (_row(app, one) for one in found)
    table(("source", "from", "size", "verdict", "why"), rows)
    click.echo(_sum(found))


def _foreseen(
    app: App, chosen: Sequence[SourceKit], limit: int | None, since: datetime | None
) -> Iterator[_Foreseen]:
    slug_of = {entry.id: entry.slug for entry in app.directory.every()}
    for kit in chosen:
        with kit.connect() as source:
            for batch in source.batches(kit.memory, limit=limit or kit.max_per_poll, since=since):
                plan = preview(batch, desk=kit.desk)
                senders = {key: new.from_address for key, new in (plan.messages | plan.resumed).items()}
                for seen in plan.seen:
                    if seen.key:
                        yield _Foreseen(seen, slug_of.get(seen.key.org_id), senders.get(seen.key))
                    else:
                        yield _Foreseen(seen, None, seen.held.from_address if seen.held else None)


def _facts(one: _Foreseen) -> dict[str, object]:
    seen = one.seen
    named = {"message_id": seen.key.source_message_id} if seen.key else {}
    return {
        "source": seen.place.source,
        "folder": seen.place.folder,
        "uid": seen.place.uid,
        "file": seen.place.file_name,
        "verdict": seen.verdict.value,
        "org": one.org,
        **named,
        "from": one.sender,
        "size": seen.size_bytes,
        "reason": seen.held.reason if seen.held else seen.why or None,
    }


def _row(app: App, one: _Foreseen) -> tuple[str | None, ...]:
    seen = one.seen
    size = size_words(seen.size_bytes)
    return seen.place.source, one.sender, size, seen.verdict.value, _why(app, one)


def _why(app: App, one: _Foreseen) -> str:
    if one.org:
        return f"for {one.org}"
    if one.seen.held:
        return f"{one.seen.held.reason}{_way_out(app, one.seen.held)}"
    if one.seen.verdict is Verdict.UNREADABLE:
        return one.seen.why
    if one.seen.verdict is Verdict.LEFT:
        return "no such org, and orgs.unknown leaves it there"
    return "was taken before"


def _way_out(app: App, held: Held) -> str:
    slug, _ = slug_in(held.recipient, address_pattern(app.settings.orgs.address))
    if held.code == "unknown-org" and slug:
        return f": postroom org add {slug}"
    if held.code == "suspended-org" and slug:
        return f": postroom org suspend {slug} --resume"
    return ""


def _sum(found: Sequence[_Foreseen]) -> str:
    """Return "8 mails: 6 for 2 orgs, 2 to quarantine"; a mail for two orgs is one mail, and taken twice."""
    mails = len({one.seen.place for one in found})
    verdicts = [one.seen.verdict for one in found]
    taken = sum(verdict in _TAKEN for verdict in verdicts)
    orgs = {one.org for one in found if one.seen.verdict in _TAKEN}
    held, left = verdicts.count(Verdict.QUARANTINED), verdicts.count(Verdict.LEFT)
    unreadable = verdicts.count(Verdict.UNREADABLE)
    had = sum(verdict in _HAD for verdict in verdicts)
    said = [
        f"{taken} for {counted(len(orgs), 'org')}" if taken else "",
        f"{held} to quarantine" if held else "",
        counted(had, "duplicate") if had else "",
        f"{left} left alone" if left else "",
        f"{unreadable} that cannot be read" if unreadable else "",
    ]
    return f"{counted(mails, 'mail')}: {', '.join(filter(None, said))}"
