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

TIMES = 2
"""How often each disk is full."""
_MEGABYTES = 24
_LONGEST_SECONDS = 60.0
_LOGGED_MAILS = 20  # their lines need more than is left of a page of the log and of the process's buffer


def fill_disks(
    cell: str, folder: Path, servers: Servers, seed: int, *, times: int = TIMES, only: str = ""
) -> Result:
    """Let each disk of a host be full in turn (`only`: one of them), while mails come in.

    A reply of the relay other than 4xx is a breach: only the sender's server can keep the mail meanwhile.
    """
    chance = random.Random(seed)  # noqa: S311  (a seed repeats a campaign)
    with ExitStack() as mounted, stage(cell, folder, servers, chance) as played:
        host = played.hosts[0]
        names = [name for name in _folders(played, host) if only in {name, ""}]
        disks = {
            name: mounted.enter_context(small_disk(_folders(played, host)[name], megabytes=_MEGABYTES))
            for name in names
        }
        for path in played.way.folders if isinstance(played.way, Relays) else []:
            maildir.create(path)
        mounted.callback(played.close)  # before anything is unmounted
        ordeal = Ordeal(played, "faults.disks", seed)
        ordeal.begin()
        for name, disk in [*disks.items()] * times:
            _fill(ordeal, host, name, disk)
        result = ordeal.conclude()
    if isinstance(played.way, Relays):
        result.breaches += [f"the relay said {code}" for code in played.way.refusals if not 400 <= code < 500]
    return result


def _folders(played: Stage, host: Host) -> dict[str, Path]:
    """Return where each thing of a host lies that a disk can be full of; who holds others comes first."""
    state = host.folder / "state"
    found = {"log": host.log.parent}
    if played.cell.startswith("sqlite"):
        found |= {"database": state, "archive": state / "archive"}
    else:
        found["drafts"] = state / "drafts"
    if played.cell.endswith("imap"):
        found["spool"] = state / "spool"
    if isinstance(played.way, Relays):
        found["relay"] = played.way.folders[played.hosts.index(host)]
    return found


def _fill(ordeal: Ordeal, host: Host, name: str, disk: Disk) -> None:
    """Leave a disk without room until something could not be written there, and let it have room again."""
    ordeal.send()
    if name == "database":
        _empty_the_log_of_writes(disk)
    disk.fill()
    try:
        if name == "log":
            _write_into_the_full_log(ordeal, host)
        else:
            _run_against_it(ordeal, name, disk)
    finally:
        disk.make_room()
    ordeal.met(f"{name} full", bit=True)
    ordeal.recover()


def _run_against_it(ordeal: Ordeal, name: str, disk: Disk) -> None:
    """Send mails until a log tells of an error, or a client of the relay was refused."""
    before, deadline = _complaints(ordeal), time.monotonic() + _LONGEST_SECONDS
    while _complaints(ordeal) == before:
        assert time.monotonic() < deadline, f"{name} is full, and nobody minds"
        ordeal.send()
        disk.fill()  # also what was freed meanwhile, as by a checkpoint
        ordeal.wait(
            lambda: _complaints(ordeal) > before or ordeal.stage.is_drained(), f"complaints of a full {name}"
        )


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
    return refused + sum(host.log.read_bytes().count(b'"code": "E-') for host in ordeal.stage.hosts)


def _empty_the_log_of_writes(disk: Disk) -> None:
    """Let SQLite's log of writes be empty: it would take commits for a long time without another page."""
    with closing(sqlite3.connect(disk.folder / "postroom.db", timeout=10)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
