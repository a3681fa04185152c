"""A PostgreSQL that dies as in a crash and comes back, or ends postroom's sessions again and again."""

from __future__ import annotations

import random
from pathlib import Path
from threading import Event

from tests.crash.faults.ordeal import Ordeal
from tests.crash.results import Result
from tests.crash.serving import Servers
from tests.crash.stages import stage
from tests.servers.postgres import OWNER, Postgres

TIMES = 8
"""How often the server dies, and how often all sessions are ended in a series."""
_SESSIONS_ENDED = 6  # times in a row, in one series
_LONGEST_PAUSE_SECONDS = 0.3


def kill_the_database(cell: str, folder: Path, servers: Servers, seed: int, *, times: int = TIMES) -> Result:
    """Let PostgreSQL crash, or end all sessions, while mails come in; return what was counted."""
    chance = random.Random(seed)  # noqa: S311  (a seed repeats a campaign)
    postgres = servers.postgres()
    with stage(cell, folder, servers, chance) as played:
        ordeal = Ordeal(played, "faults.database", seed)
        ordeal.begin()
        for _ in range(times):
            _crash(ordeal, postgres)
            _end_sessions(ordeal, postgres)
        return ordeal.conclude()


def _crash(ordeal: Ordeal, postgres: Postgres) -> None:
    """Let the server die at a random moment of its work, and come back after a while."""
    ordeal.send()
    _pause(ordeal)
    postgres.stop("immediate")
    try:
        ordeal.send()
        _pause(ordeal)
    finally:
        postgres.start()
    ordeal.met("PostgreSQL stopped at once", bit=True)
    ordeal.recover()


def _end_sessions(ordeal: Ordeal, postgres: Postgres) -> None:
    """End all sessions, and the next ones too as soon as they are there."""
    ended = 0
    for _ in range(_SESSIONS_ENDED):
        ordeal.send()
        _pause(ordeal)
        order = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = %s"
        ended += postgres.execute(order, [OWNER])[0][0]
    ordeal.met("sessions ended", bit=ended > 0)
    ordeal.recover()


def _pause(ordeal: Ordeal) -> None:
    Event().wait(ordeal.chance.uniform(0.0, _LONGEST_PAUSE_SECONDS))
