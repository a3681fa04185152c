"""Which runner runs the tasks: the database decides."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from postroom.app.compose import App
from postroom.app.house import build_house
from postroom.db.inbox import SqlInbox
from postroom.db.turns import SqlTurns
from postroom.jobs.embedded import EmbeddedRunner
from postroom.jobs.house import House
from postroom.jobs.runner import EXTRACT, Runner


def build_runner(app: App, *, only_works: bool = False) -> tuple[House, Runner]:
    """Return the runner that fits the database, and the house it works in; nothing is opened yet.

    A process that has its database to itself needs no engine; one that shares it hands work to the others.
    `only_works` is for a host of a cluster that takes jobs and begins none.
    """
    if not app.database.is_shared:
        house = build_house(app)
        return house, EmbeddedRunner(house)
    from postroom.jobs.cluster import ClusterRunner  # noqa: PLC0415  (an embedded postroom needs no engine)
    from postroom.jobs.cluster_jobs import Jobs  # noqa: PLC0415  (as above)

    jobs = Jobs()

    def tell_workers(connection: Any) -> None:
        jobs.defer(connection, EXTRACT)

    house = build_house(replace(app, inbox=SqlInbox(app.database, tell_workers=tell_workers)))
    turns = SqlTurns(app.database)
    connect = app.database.driver_arguments()
    return house, ClusterRunner(house, turns=turns, jobs=jobs, connect=connect, only_works=only_works)
