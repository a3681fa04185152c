"""What a poll leaves behind in its source: how far it came, for the lag."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from postroom.db.values import Reached
from postroom.fetcher.source import Batch, Waiting


@dataclass(slots=True)
class Backlog:
    """Notes batch after batch; `limit` is how many copies the poll may still take."""

    limit: int
    _waiting: dict[str, Waiting] = field(default_factory=dict)

    def note(self, batch: Batch) -> None:
        """Note what waits behind a batch, folder by folder.

        Where the limit is used up, more may wait that nobody looked for: it is no older than what was taken,
        since mails are taken in the order in which they came.
        """
        folder = batch.cursor.folder if batch.cursor else ""
        self.limit -= len(batch.fetched)
        waiting = batch.waiting
        if waiting is None and self.limit <= 0 and batch.fetched:
            waiting = Waiting(max(copy.internal_date for copy in batch.fetched))
        if waiting is None:
            self._waiting.pop(folder, None)
        else:
            self._waiting[folder] = waiting

    def reached(self, began: datetime) -> Reached:
        """Return how far a poll came that `began` then, and came to its end or to its limit."""
        if not self._waiting:
            return Reached(began, is_behind=False)
        since = [waiting.since for waiting in self._waiting.values()]
        known = [moment for moment in since if moment is not None]
        return Reached(min(*known, began) if len(known) == len(since) else None, is_behind=True)
