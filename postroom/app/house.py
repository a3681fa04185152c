"""An opened postroom becomes a house that the tasks can work in."""

from __future__ import annotations

import random
from contextlib import closing
from typing import TYPE_CHECKING

from postroom.app.compose import App
from postroom.app.crew import build_crew
from postroom.app.here import TakenApartHere
from postroom.app.sources import kits
from postroom.app.standards import standards
from postroom.config.settings import Jobs
from postroom.core.deadline import NEVER, Deadline
from postroom.db.leases import SqlLeases
from postroom.db.outbox import SqlOutbox
from postroom.db.provenance import SqlProvenance
from postroom.db.source_book import SqlSourceBook
from postroom.db.workbench import SqlWorkbench
from postroom.jobs.house import House, Pace
from postroom.jobs.lock import holder_of
from postroom.notify.log import LogNotifier

if TYPE_CHECKING:  # a Maildir-only postroom needs no IMAP
    from postroom.fetcher.parking import Parking


def build_house(
    app: App,
    *,
    parking: Parking | None = None,
    polls_until: Deadline = NEVER,
    work_until: Deadline = NEVER,
) -> House:
    """Return what the tasks work with; nothing is opened yet.  See `kits` for `parking`."""
    return House(
        sources=kits(app, parking=parking, deadline=polls_until),
        inbox=app.inbox,
        workbench=SqlWorkbench(app.database),
        outbox=SqlOutbox(app.database),
        leases=SqlLeases(app.database),
        book=SqlSourceBook(app.database),
        store=app.store,
        notifier=LogNotifier(),
        standard=standards(app.settings, SqlProvenance(app.database).source_of),
        here=TakenApartHere(app.settings, app.store),
        pace=_pace(app.settings.jobs),
        holder=holder_of(app.settings.state_dir),
        crew=app.until_closed.enter_context(closing(build_crew(app.settings))),
        now=app.now,
        jitter=random.SystemRandom().random,
        polls_until=polls_until,
        work_until=work_until,
    )


def _pace(jobs: Jobs) -> Pace:
    return Pace(
        workers=jobs.workers,
        attempts=jobs.attempts,
        backoff_first_seconds=jobs.backoff_first_seconds,
        backoff_cap_seconds=jobs.backoff_cap_seconds,
        lease_seconds=jobs.lease_seconds,
    )
