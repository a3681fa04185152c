"""Which runner runs the tasks: the database decides."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from postroom.app.compose import App
from postroom.app.house import build_house
from postroom.db.inbox import SqlInbox
from postroom.db.turns import SqlTurns
from postroom.jobs.embedded import EmbeddedRunner
from postroom.jobs.house import House
from postroom.jobs.runner import EXTRACT, Runner, poll_of

if TYPE_CHECKING:  # a Maildir-only postroom needs no IMAP
    from postroom.fetcher.parking import Parking


@dataclass(frozen=True, slots=True)
class Service:
    """A runner, the house it works in, and where its mailboxes rest between two polls."""

    house: House
    runner: Runner
    parking: Parking | None

    def start(self) -> None:
        """Return at once; every task is due within seconds, and new mail in a mailbox wakes its poll."""
        self.runner.start()
        if self.parking is not None:
            self.parking.start(lambda source: self.runner.wake(poll_of(source)))

    def stop(self) -> None:
        """Finish what is at hand, and let go of every connection."""
        self.runner.stop()
        if self.parking is not None:
            self.parking.close()


def build_service(app: App, *, only_works: bool = False) -> Service:
    """Return the service with the runner that fits the database; nothing is opened yet.

    A process that has its database to itself needs no engine; one that shares it hands work to the others.
    `only_works` is for a host of a cluster that takes jobs and begins none.
    """
    parking = _parking(app)
    if not app.database.is_shared:
        house = build_house(app, parking=parking)
        return Service(house, EmbeddedRunner(house), parking)
    from postroom.jobs.cluster import ClusterRunner  # noqa: PLC0415  (an embedded postroom needs no engine)
    from postroom.jobs.cluster_jobs import Jobs  # noqa: PLC0415  (as above)

    jobs = Jobs()

    def tell_workers(connection: Any) -> None:
        jobs.defer(connection, EXTRACT)

    inbox = SqlInbox(app.database, tell_workers=tell_workers)
    house = build_house(replace(app, inbox=inbox), parking=parking)
    turns = SqlTurns(app.database)
    connect = app.database.driver_arguments()
    runner = ClusterRunner(house, turns=turns, jobs=jobs, connect=connect, only_works=only_works)
    return Service(house, runner, parking)


def _parking(app: App) -> Parking | None:
    if not app.settings.mailbox or not app.settings.jobs.connections:
        return None
    from postroom.fetcher.parking import Parking  # noqa: PLC0415  (a Maildir-only postroom needs no IMAP)

    return Parking(most_per_server=app.settings.jobs.connections)
