"""Disks that are full while mails come in: of the database, the archive, the spool, the log and the relay."""

from __future__ import annotations

import random
import sqlite3
import time
from contextlib import ExitStack, closing
from pathlib import Path

from postroom import maildir
from tests.crash.faults.mounting import Disk, small_disk
from tests.crash.faults.ordeal import Ordeal
from tests.crash.results import Result
from tests.crash.serving import Servers
from tests.crash.stages import Host, Stage, stage
from tests.crash.ways import Relays
from tests.servers.postgres import Postgres

TIMES = 2
"""How often each disk is full."""
_MEGABYTES = 24
_LONGEST_SECONDS = 60.0
_LOGGED_MAILS = 20  # their lines need more than is left of a page of the log and of the process's buffer


def fill_disks(
    cell: str, folder: Path, servers: Servers, seed: int, *, times: int = TIMES, only: str = ""
) -> Result:
    """Let each disk of a host be full in turn (`only`: one of them), while mails come in."""
    chance = random.Random(seed)  # noqa: S311  (a seed repeats a campaign)
    with ExitStack() as mounted, stage(cell, folder, servers, chance) as played:
        host, postgres = played.hosts[0], servers.postgres() if cell.startswith("postgres") else None
        disks = {
            name: mounted.enter_context(small_disk(path, megabytes=_MEGABYTES))
            for name, path in _folders(played, host, postgres).items()
            if only in {name, ""}
        }
        for path in played.way.folders if isinstance(played.way, Relays) else []:
            maildir.create(path)
        ordeal = Ordeal(played, "faults.disks", seed)
        ordeal.begin()
        if postgres and "database" in disks:
            _move_to(disks["database"], ordeal, postgres, mounted)
        mounted.callback(played.close)  # before anything is unmounted
        for name, disk in [*disks.items()] * times:
            _fill(ordeal, host, name, disk)
        return ordeal.conclude()


def _move_to(disk: Disk, ordeal: Ordeal, postgres: Postgres, mounted: ExitStack) -> None:
    """Let the database lie on a disk while no host is up, and return when each is at work again.

    A service that cannot reach the database when it starts ends, and leaves it to whoever started it.
    """
    ordeal.stage.kill_all()
    ((name,),) = ordeal.stage.rows("SELECT current_database()")
    mounted.enter_context(postgres.living_at(name, disk.folder))
    ordeal.send()
    ordeal.stage.drain()


def _folders(played: Stage, host: Host, postgres: Postgres | None) -> dict[str, Path]:
    """Return where each thing of a host lies that a disk can be full of; who holds others comes first."""
    state = host.folder / "state"
    found = {"log": host.log.parent}
    if postgres:
        found |= {"database": postgres.root / f"disk-of-{played.cell}", "drafts": state / "drafts"}
    else:
        found |= {"database": state, "archive": state / "archive"}
    if played.cell.endswith("imap"):
        found["spool"] = state / "spool"
    if isinstance(played.way, Relays):
        found["relay"] = played.way.folders[played.hosts.index(host)]
    return found


def _fill(ordeal: Ordeal, host: Host, name: str, disk: Disk) -> None:
    """Leave a disk without room until something could not be written there, and let it have room again."""
    ordeal.send()
    if name == "database":
        _empty_the_log_of_writes(disk.folder / "postroom.db")
    disk.fill()
    try:
        if name == "log":
            _write_into_the_full_log(ordeal, host)
            was_full = disk.is_full()
        else:
            was_full = _run_against_it(ordeal, name, disk)
    finally:
        disk.make_room()
    ordeal.met(f"{name} full", bit=was_full)
    ordeal.recover()


def _run_against_it(ordeal: Ordeal, name: str, disk: Disk) -> bool:
    """Send mails until a log tells of an error, or a client of the relay was refused.

    Return whether the disk was full until then: a mail that is let go at that moment gives room again.
    """
    before, deadline = _complaints(ordeal), time.monotonic() + _LONGEST_SECONDS
    was_full = disk.is_full()
    while _complaints(ordeal) == before:
        assert time.monotonic() < deadline, f"{name} is full, and nobody minds"
        ordeal.send()
        disk.fill()  # also what was freed meanwhile, as by a checkpoint
        was_full |= disk.is_full()
        ordeal.wait(
            lambda: _complaints(ordeal) > before or ordeal.stage.is_drained(), f"complaints of a full {name}"
        )
    return was_full


def _write_into_the_full_log(ordeal: Ordeal, host: Host) -> None:
    """Let more be logged than there is room for, and the host die: what waited to be written is gone."""
    parsed = "SELECT count(*) FROM inbound_message WHERE status = 'parsed'"
    ((before,),) = ordeal.stage.rows(parsed)
    sent = len(ordeal.stage.sent)
    while len(ordeal.stage.sent) < sent + _LOGGED_MAILS:
        ordeal.send()
    ordeal.wait(lambda: ordeal.stage.rows(parsed)[0][0] >= before + _LOGGED_MAILS, "mails with a full log")
    ordeal.stage.kill(host)
    ordeal.stage.start_all()


def _complaints(ordeal: Ordeal) -> int:
    """Return how often a log has told of an error, or a client of the relay was refused."""
    way = ordeal.stage.way
    refused = len(way.refusals) if isinstance(way, Relays) else 0
    return refused + ordeal.logged(b'"code": "E-')


def _empty_the_log_of_writes(path: Path) -> None:
    """Let SQLite's log of writes be empty: it would take commits for a long time without another page."""
    if path.exists():
        with closing(sqlite3.connect(path, timeout=10)) as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
