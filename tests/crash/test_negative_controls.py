"""A campaign that could not fail would prove nothing: each promise is broken once, and it must notice."""

from __future__ import annotations

import os
import random
import re
import signal
import sqlite3
from collections.abc import Sequence
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest

from tests.crash.faults.syncs import fail_syncs
from tests.crash.ledger import Post
from tests.crash.serving import Servers
from tests.crash.stages import Host, Stage, stage
from tests.servers.waiting import wait_until

SEED = 1
pytestmark = [pytest.mark.crash, pytest.mark.timeout(240)]


@pytest.mark.parametrize(
    ("sabotages", "lost"),
    [pytest.param([], 0, id="as it is"), pytest.param(["settle before commit"], 1, id="settled first")],
)
def test_a_source_that_forgets_a_mail_before_the_commit_shows_as_a_lost_mail(
    tmp_path: Path, servers: Servers, sabotages: list[str], lost: int
) -> None:
    with _stage("sqlite-maildir", tmp_path, servers) as played:
        played.start(played.hosts[0], failpoint="accept.archived:kill", sabotages=sabotages)
        played.send(Post(SEED).write())
        _await_death(played)
        played.drain()
        played.kill(played.hosts[0])

        assert played.count().lost == lost


@pytest.mark.parametrize(
    ("has_key", "doubled"), [pytest.param(True, 0, id="as it is"), pytest.param(False, 1, id="no unique key")]
)
def test_a_database_without_its_unique_key_shows_as_a_doubled_mail(
    tmp_path: Path, servers: Servers, *, has_key: bool, doubled: int
) -> None:
    with _stage("sqlite-maildir", tmp_path, servers) as played:
        host, mail = played.hosts[0], Post(SEED).write()
        played.drain()
        played.kill(host)
        if not has_key:
            _drop_unique_key(host.folder / "state" / "postroom.db")
        played.sent.append(mail)
        played.way.send_to_each(0, lambda: mail)
        played.start(host, sabotages=["meet:accept.archived"])
        played.drain()
        played.kill(host)

        assert played.count().doubled == doubled


@pytest.mark.strace
@pytest.mark.parametrize(
    ("sabotages", "found"),
    [
        pytest.param([], [], id="as it is"),
        pytest.param(
            ["errors of fsync overlooked"],
            [
                "fsync of the folder of ARCHIVE/ORG before the source let go",  # the archive itself
                "fsync of ARCHIVE/_drafts/DRAFT before its rename",
            ],
            id="overlooked",
        ),
    ],
)
def test_a_sync_that_failed_and_was_overlooked_shows_as_something_that_others_relied_on(
    tmp_path: Path, servers: Servers, sabotages: list[str], found: list[str]
) -> None:
    result = fail_syncs(
        "sqlite-maildir",
        tmp_path / "cell",
        servers,
        SEED,
        kinds=["fsync"],
        numbers=["3", "6"],
        sabotages=sabotages,
    )

    assert [_without_ids(breach) for breach in result.breaches] == found


@pytest.mark.dovecot
@pytest.mark.postgres
@pytest.mark.parametrize(
    ("sabotages", "told"),
    [
        pytest.param([], "E-LEASE-LOST", id="as it is"),
        pytest.param(["no token"], "stored", id="token not checked"),
    ],
)
def test_a_host_that_stood_still_past_its_lease_is_shut_out_of_its_commit(
    tmp_path: Path, servers: Servers, sabotages: list[str], told: str
) -> None:
    with _stage("pgfiles-box", tmp_path, servers) as played:
        played.drain()
        played.kill_all()
        zombie, heir = played.hosts
        played.way.send_to_each(0, Post(SEED).write)
        _stand_still(played, zombie, "accept.archived", sabotages)
        _await_stop(zombie)
        ended = "SELECT leased_until < now() FROM lease WHERE name LIKE 'source:%'"
        wait_until(lambda: played.rows(ended) == [(True,)], "the lease to end")
        _stand_still(played, heir, "poll.leased", ())
        _await_stop(heir)
        _let_go_on(zombie)
        wait_until(lambda: _first_told(zombie) != "", "the zombie's commit, or its end")

        assert _first_told(zombie) == told


def _without_ids(breach: str) -> str:
    """Return what was missing, with words instead of the ids in its paths."""
    named = re.sub(r"\S+/archive/_drafts/\S+", "ARCHIVE/_drafts/DRAFT", breach.partition(": no ")[2])
    return re.sub(r"\S+/archive/[0-9a-f-]+", "ARCHIVE/ORG", named)


def _stage(cell: str, folder: Path, servers: Servers) -> AbstractContextManager[Stage]:
    return stage(cell, folder / cell, servers, random.Random(SEED))  # noqa: S311  (repeatable)


def _await_death(played: Stage) -> None:
    (host,) = played.hosts
    assert host.pid is not None
    assert played.nursery.wait(host.pid, 30) == -signal.SIGKILL
    host.pid = None


def _drop_unique_key(path: Path) -> None:
    """Make the empty table of messages anew without the key that forbids two rows of one message."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("PRAGMA foreign_keys=OFF")
        database.execute("PRAGMA legacy_alter_table=ON")
        ((made,),) = database.execute(
            "SELECT sql FROM sqlite_master WHERE name = 'inbound_message'"
        ).fetchall()
        keyless = re.sub(r",\s*UNIQUE \(org_id, source, source_message_id\)", "", made)
        assert keyless != made
        database.execute("DROP TABLE inbound_message")
        database.execute(keyless)


def _stand_still(played: Stage, host: Host, place: str, sabotages: Sequence[str]) -> None:
    """Start a round on a host, which stops as a whole when it gets to a failpoint."""
    words = ["-c", str(host.config), "fetch", "--once"]
    host.pid = played.nursery.start(words, host.log, sabotages=[f"stand still:{place}", *sabotages])


def _await_stop(host: Host) -> None:
    wait_until(lambda: host.stands_still, f"{host.folder} to stand still", 30)


def _let_go_on(host: Host) -> None:
    assert host.pid is not None
    os.kill(host.pid, signal.SIGCONT)


def _first_told(host: Host) -> str:
    """Return what a log tells first: that a mail was stored, or that the lease was lost; "" while neither."""
    told = re.search(r'"event": "(stored)"|"code": "(E-LEASE-LOST)"', host.log.read_text(encoding="utf-8"))
    return next(filter(None, told.groups())) if told else ""
