"""An audit of a whole postroom: what its sources hold, its rows, its archive and its documents."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from postroom.app.compose import App
from postroom.app.repairing import Repairs
from postroom.app.sources import kits
from postroom.db.audit import SqlAudit
from postroom.db.ids import NOBODY
from postroom.errors import OperatorError, PostroomError, TransientError
from postroom.jobs.house import SourceKit
from postroom.pipeline.reckoning import Counts, Finding, Reckoner, Room, Trouble

_OWN = {"_quarantine", "_drafts", "_probe"}


class Audit:
    """One audit of an opened postroom; nothing is changed by it, at a source or here.

    With `deep` every object is read and its digest checked, and else its name and size.  `away` are the
    sources that could not be looked at, and why.
    """

    def __init__(self, app: App, *, deep: bool, step: Callable[[int], None] = lambda _rows: None) -> None:
        self._app, self._books = app, SqlAudit(app.database)
        self._reckoner = Reckoner(self._books, app.store, deep=deep, counts=Counts(), step=step)
        self._rooms = [
            *(Room(org.id, org.slug, str(org.id)) for org in app.directory.every()),
            Room(NOBODY, "", "_quarantine"),
        ]
        self.counts = self._reckoner.counts
        self.away: dict[str, PostroomError] = {}

    def total(self) -> int:
        """Return how many rows there are to compare.  Raises DatabaseUnavailable."""
        for room in self._rooms:
            self.counts.rows += self._books.rows(room.org_id)
            self.counts.documents += self._books.documents(room.org_id)
        return self.counts.rows + self.counts.documents

    def findings(self) -> Iterator[Finding]:
        """Yield all that does not add up.  Raises StoreUnavailable, DatabaseUnavailable."""
        for name, kit in kits(self._app, read_only=True).items():
            yield from self._strays(name, kit)
        there = set(self._app.store.folders())
        for room in self._rooms:
            if room.folder in there or self._books.rows(room.org_id):
                yield from self._reckoner.findings(room)
        for folder in sorted(there - {room.folder for room in self._rooms} - _OWN):
            yield from self._reckoner.strangers(folder)

    def repairs(self) -> Repairs:
        """Return what mends some of what was found."""
        return Repairs(self._app, self._books, self._reckoner)

    def _strays(self, name: str, kit: SourceKit) -> Iterator[Finding]:
        """Yield what a source holds and no poll will take; one that is away holds up no audit."""
        self.counts.sources += 1
        try:
            with kit.connect() as source:
                for holding in source.holdings(kit.memory):
                    self.counts.copies += holding.copies
                    self.counts.waiting += holding.waiting
                    yield from (Finding(Trouble.NOT_TAKEN, place=place) for place in holding.strays)
        except (TransientError, OperatorError) as error:
            self.away[name] = error
