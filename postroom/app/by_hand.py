"""What a person does by hand: mails taken from files, and one given to an org whatever it says."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from postroom.app.compose import App
from postroom.app.house import build_house
from postroom.app.sources import desk_for
from postroom.core.places import Place
from postroom.core.routing import Rule, address_pattern, slug_in
from postroom.db.orgs import OrgEntry
from postroom.db.values import Org
from postroom.errors import Unroutable
from postroom.failpoints import reach
from postroom.fetcher.files import INGEST, Skipped, mails_in
from postroom.fetcher.source import Batch, Fetched
from postroom.jobs.announcing import announce_due
from postroom.jobs.extracting import extract_due
from postroom.pipeline.accept import accept
from postroom.pipeline.tally import Tally


@dataclass(frozen=True, slots=True)
class _Chosen:
    """A directory of the one org that a person chose: its sender rules are overruled."""

    org: Org

    def resolve(self, slugs: Collection[str]) -> dict[str, Org]:
        return {slug: self.org for slug in slugs if slug == self.org.slug}


def ingest(app: App, paths: Iterable[Path], recipient: str, skipped: list[Skipped]) -> Iterator[Tally]:
    """Take the mails in `paths` as if they had come for `recipient`; yield what became of each one.

    What is no message goes to `skipped`.  Safe to repeat: what is there already is a duplicate.  Raises
    Unroutable, OrgUnknown, FileFault and outages; what was yielded until then is safe.
    """
    slug, refusal = slug_in(recipient, address_pattern(app.settings.orgs.address))
    if slug is None:
        raise Unroutable(refusal, fix=f"--to needs an address like {app.settings.orgs.address}")
    rule = replace(pinned_to(app.directory.entry(slug).slug), pinned_recipient=recipient)
    desk = desk_for(app, INGEST, rule)
    with tempfile.TemporaryDirectory(dir=desk_folder(app)) as spool:
        for path in paths:
            for fetched in mails_in(path, Path(spool), skipped):
                reach("ingest.read")
                yield accept(Batch((fetched,)), desk=desk, settle=nothing_to_settle)


def give(app: App, org: OrgEntry, copy: Fetched, *, recipient: str) -> Tally:
    """Take one copy in for an org, whatever its size and its sender; no source is told to let go of it.

    Safe to repeat.  Raises outages.
    """
    desk = replace(
        desk_for(app, copy.place.source, replace(pinned_to(org.slug), pinned_recipient=recipient)),
        directory=_Chosen(Org(org.id, org.slug)),
        limits=replace(app.settings.limits, message_bytes=copy.size_bytes),
    )
    return accept(Batch((copy,)), desk=desk, settle=nothing_to_settle)


def take_documents_out(app: App) -> Tally:
    """Extract and announce what is due now, beside a running service or without one."""
    house = build_house(app)
    tally = extract_due(house, until_empty=True)
    announce_due(house)
    return tally


def pinned_to(slug: str) -> Rule:
    """Return the rule of a mail whose org is known, whatever the mail says."""
    return Rule(address=address_pattern("{org}@*"), pinned=slug)


def desk_folder(app: App) -> Path:
    """Return a folder of its own: a service that starts meanwhile clears the spool, and nothing here."""
    path = app.settings.state_dir / "by-hand"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def nothing_to_settle(places: Sequence[Place], *, held: bool = False) -> Sequence[Place]:
    """Return all places as done: no source is told to let go of anything."""
    return places
