"""A held mail given to an org by a person: once, or with a rule for all that come after it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from postroom.app.by_hand import desk_folder, give, take_documents_out
from postroom.app.compose import App
from postroom.app.sources import kits, rule_for
from postroom.config.settings import Settings
from postroom.core.limits import MIB
from postroom.core.places import Place
from postroom.core.routing import folded
from postroom.db.quarantine import HELD, HeldMail
from postroom.db.reading import OUT_OF_QUARANTINE
from postroom.db.standing_rules import SqlStandingRules
from postroom.errors import NotFound, UsageFault
from postroom.fetcher.source import Fetched
from postroom.pipeline.tally import Tally

_RULED = {"unknown-org", "unroutable"}
_LONGEST_RECIPIENT = 320  # RFC 5321 4.5.3.1: 64 of a local part, the @, 255 of a domain


def needs_its_source(app: App, entry_id: int) -> bool:
    """Return whether the mail of an entry lies in its mailbox only.  Raises NotFound."""
    return app.quarantine.entry(entry_id).raw_key is None


def assign(app: App, entry_id: int, slug: str) -> Tally:
    """Give a held mail to an org, and take its documents out; safe to repeat after a crash.

    One that was over the size limit is fetched from its mailbox first, whatever its size now.  Raises
    NotFound, OrgUnknown, UsageFault (not held any more), SourceUnavailable, ObjectMissing, ObjectCorrupt and
    outages.
    """
    entry, org = app.quarantine.entry(entry_id), app.directory.entry(slug)
    with _raw_of(app, entry) as copy:
        if not app.quarantine.choose(entry_id, org.id):
            raise _closed(app.quarantine.entry(entry_id))
        tally = give(app, org, copy, recipient=entry.recipient)
    app.quarantine.assigned(entry_id, app.now())
    return tally + take_documents_out(app)


def make_rule(app: App, entry_id: int, slug: str) -> int:
    """Let the org get all further mail of the entry's source for its trusted recipient; return the rule.

    Safe to repeat.  Raises NotFound, OrgUnknown, and UsageFault where no rule would have helped this mail.
    """
    entry, org = app.quarantine.entry(entry_id), app.directory.entry(slug)
    if entry.state != HELD:
        raise _closed(entry)
    _require_ruled(app, entry)
    recipient = folded(entry.recipient)
    return SqlStandingRules(app.database).add(
        entry.source, recipient, org.id, entry_id=entry_id, now=app.now()
    )


def _require_ruled(app: App, entry: HeldMail) -> None:
    """Return if a rule by source and recipient would have given this mail to its org.  Raises UsageFault."""
    trusted = _trusted_headers(app.settings, entry.source)
    named_by = {header.lower() for _, header in app.quarantine.copies(entry.id)}
    why = ""
    if entry.code not in _RULED:
        why = "it names an org, and was held for another reason"
    elif not entry.recipient or len(entry.recipient) > _LONGEST_RECIPIENT or not named_by & trusted:
        why = "no header that its source trusts names its recipient"
    if why:
        raise UsageFault(
            f"no rule can be made of quarantine entry {entry.id}: {why}",
            fix=f"postroom quarantine assign {entry.id} ORG, without --always",
        )


def _trusted_headers(settings: Settings, source: str) -> set[str]:
    """Return the headers in lower case that a source trusts."""
    configured = settings.source(source)
    if configured is None:
        return set()
    return {header.lower() for header in rule_for(settings, configured.recipients).trust}


def _closed(entry: HeldMail) -> UsageFault:
    return UsageFault(
        f"quarantine entry {entry.id} is {entry.state} already", fix=f"postroom quarantine show {entry.id}"
    )


@contextmanager
def _raw_of(app: App, entry: HeldMail) -> Iterator[Fetched]:
    """Yield the raw mail of an entry in a file: out of the archive, or else out of its mailbox."""
    if entry.raw_key is None:
        with _from_its_source(app, entry) as copy:
            yield copy
        return
    with tempfile.TemporaryDirectory(dir=desk_folder(app)) as spool:
        path = Path(spool) / str(entry.id)
        path.write_bytes(app.store.get(entry.raw_key, entry.raw_sha256))
        yield _as_given(entry, path, entry.raw_sha256)


@contextmanager
def _from_its_source(app: App, entry: HeldMail) -> Iterator[Fetched]:
    """Yield the mail as its mailbox has it, with the limit raised to what the server said of its size.

    Some servers tell a size that is a little off.
    """
    known, most_bytes = kits(app, read_only=True), entry.size_bytes + entry.size_bytes // 4 + MIB
    for place, _ in app.quarantine.copies(entry.id):
        if place.source not in known:
            continue
        with known[place.source].connect() as source:
            for batch in source.picked([place], most_bytes=most_bytes):
                for copy in batch.fetched:
                    if copy.whole:
                        yield _as_given(entry, copy.path, copy.sha256)
                        return
    raise NotFound(
        f"only the header of quarantine entry {entry.id} is here, and its source has the mail no more",
        fix=f"postroom quarantine drop {entry.id}, and ask the sender for it",
    )


def _as_given(entry: HeldMail, path: Path, sha256: str) -> Fetched:
    place = Place(entry.source, "", file_name=f"{OUT_OF_QUARANTINE}{entry.id}")
    return Fetched(place, path, sha256, path.stat().st_size, entry.received_at)
