"""What an audit can mend: a mail that still lies somewhere is taken from there, or looked at again."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path

from postroom.app.by_hand import desk_folder, give
from postroom.app.compose import App
from postroom.app.sources import kits
from postroom.core.places import Place
from postroom.db.books import Books
from postroom.db.replaying import send_back
from postroom.errors import ObjectCorrupt, ObjectMissing, SettleFailed, SourceUnavailable
from postroom.fetcher.source import Fetched
from postroom.jobs.house import SourceKit
from postroom.pipeline.accept import accept
from postroom.pipeline.reckoning import Finding, Reckoner, Trouble

OUT_OF_ARCHIVE = "archive"
"""What the source of a mail is called that only the archive had."""


class Repairs:
    """Mends what can be mended; safe to repeat, beside a running service too.

    What is due afterwards is extracted and announced by whoever works next.
    """

    def __init__(self, app: App, books: Books, reckoner: Reckoner) -> None:
        self._app, self._books, self._reckoner = app, books, reckoner

    def mend(self, finding: Finding) -> bool:
        """Return whether a finding was mended; what stands in its way is only said by False.

        Raises StoreUnavailable, DatabaseUnavailable.
        """
        try:
            return self._ways[finding.trouble](finding)
        except (SourceUnavailable, SettleFailed):
            return False

    @cached_property
    def _ways(self) -> Mapping[Trouble, Callable[[Finding], bool]]:
        return {
            Trouble.RAW_MISSING: self._bring_back,
            Trouble.RAW_DAMAGED: self._bring_back,
            Trouble.DOCUMENT_MISSING: self._extract_again,
            Trouble.DOCUMENT_DAMAGED: self._extract_again,
            Trouble.NOT_WRITTEN: self._extract_again,
            Trouble.NOT_QUEUED: self._requeue,
            Trouble.NOT_OWED: self._requeue,
            Trouble.NOT_TAKEN: self._take,
            Trouble.ORPHAN: self._adopt,
        }

    @cached_property
    def _kits(self) -> Mapping[str, SourceKit]:
        return kits(self._app)

    def _requeue(self, finding: Finding) -> bool:
        assert finding.message_id is not None  # noqa: S101  (these findings are about messages)
        self._books.requeue(finding.org_id, finding.message_id, self._app.now())
        return True

    def _extract_again(self, finding: Finding) -> bool:
        """Send a message back whose raw mail is sound; one that is on its way already is mended so."""
        assert finding.message_id is not None  # noqa: S101  (as above)
        raw = self._books.raw_of(finding.org_id, finding.message_id)
        if raw is None or not self._reckoner.is_sound(raw):
            return False
        send_back(self._app.database, (finding.org_id, finding.message_id), self._app.now())
        return True

    def _bring_back(self, finding: Finding) -> bool:
        """Put the raw mail into the archive again from a source that still holds the same bytes."""
        if finding.message_id is None:
            return False
        raw = self._books.raw_of(finding.org_id, finding.message_id)
        if raw is None:
            return False
        for place in self._books.copies(finding.org_id, finding.message_id, raw.sha256):
            if self._put_from(place, raw.key, raw.sha256, most_bytes=raw.size_bytes):
                return True
        return False

    def _put_from(self, place: Place, key: str, sha256: str, *, most_bytes: int) -> bool:
        kit = self._kits.get(place.source)
        if kit is None:
            return False
        with kit.connect() as source:
            for batch in source.picked([place], most_bytes=most_bytes):
                for fetched in batch.fetched:
                    if fetched.sha256 == sha256:
                        self._app.store.put_file(key, fetched.path, sha256)
                        return True
        return False

    def _take(self, finding: Finding) -> bool:
        """Take a mail that no poll would take, as a poll would have."""
        place = finding.place
        kit = self._kits.get(place.source) if place else None
        if kit is None or place is None:
            return False
        taken = False
        with kit.connect() as source:
            for batch in source.picked([place], most_bytes=self._app.settings.limits.message_bytes):
                accept(batch, desk=kit.desk, settle=source.settle)
                taken = taken or bool(batch.fetched)
        return taken

    def _adopt(self, finding: Finding) -> bool:
        """Take in a raw mail that lies in an org's archive and has no row; other objects are left alone."""
        if not finding.org or finding.key.split("/")[1:2] != ["raw"]:
            return False
        org, digest = self._app.directory.entry(finding.org), finding.key.rpartition("/")[2]
        with tempfile.TemporaryDirectory(dir=desk_folder(self._app)) as spool:
            path = Path(spool) / "mail"
            try:
                path.write_bytes(self._app.store.get(finding.key, digest))
            except (ObjectMissing, ObjectCorrupt):
                return False
            place = Place(OUT_OF_ARCHIVE, "", file_name=digest)
            copy = Fetched(place, path, digest, path.stat().st_size, self._app.now())
            return bool(give(self._app, org, copy, recipient="").taken)
