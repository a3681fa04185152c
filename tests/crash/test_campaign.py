"""A small campaign: postroom dies at every failpoint and at random moments, and nothing is lost or doubled.

make crash KILLS=1000       the long one; POSTROOM_CRASH_SEED repeats a campaign
"""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path

import pytest

from postroom.failpoints import FAILPOINTS
from tests.crash.failpoint_sweep import BY_HAND, failpoints_of, sweep_failpoints
from tests.crash.ledger import Post
from tests.crash.random_kills import kill_at_random
from tests.crash.serving import Servers
from tests.crash.stages import CELLS, stage
from tests.servers.waiting import wait_until

SEED = int(os.environ.get("POSTROOM_CRASH_SEED", "1"))
KILLS = 10
ERRORS = (
    "maildir.renamed",
    "archive.fsynced",
    "commit.copies",
    "extract.kept",
    "finish.written",
    "announce.sent",
)
# What the relay's way does not reach; the rest of the way is the same function for all.
IMAP_ALONE = [f"{name}:kill" for name in failpoints_of("sqlite-imap") if name.startswith("imap.")]
MAILDIR_ALONE = ["file.linked:kill", "file.moved:raise"]

pytestmark = [pytest.mark.crash, pytest.mark.timeout(300)]


def test_every_failpoint_is_reached_by_the_campaign() -> None:
    reached = BY_HAND.union(*(failpoints_of(cell) for cell in CELLS))

    assert sorted(reached) == sorted(FAILPOINTS)


@pytest.mark.parametrize(
    ("cell", "orders"),
    [
        pytest.param(
            "sqlite-smtp", [f"{name}:kill" for name in failpoints_of("sqlite-smtp")], id="the whole way"
        ),
        pytest.param("sqlite-smtp", [f"{name}:raise" for name in ERRORS], id="errors"),
        pytest.param("sqlite-imap", IMAP_ALONE, id="imap", marks=pytest.mark.dovecot),
        pytest.param("sqlite-maildir", MAILDIR_ALONE, id="maildir"),
        pytest.param(
            "postgres-imap",
            [f"{name}:kill" for name in failpoints_of("postgres-imap")],
            id="hosts that share",
            marks=[pytest.mark.dovecot, pytest.mark.postgres, pytest.mark.rgw],
        ),
    ],
)
def test_no_death_at_a_failpoint_loses_or_doubles_a_mail(
    tmp_path: Path, servers: Servers, cell: str, orders: list[str]
) -> None:
    chance = random.Random(SEED)  # noqa: S311  (a seed repeats a campaign)
    with stage(cell, tmp_path / cell, servers, chance) as played:
        result = sweep_failpoints(played, SEED, orders, patient=False)

    assert result.reached == orders
    assert result.count.faults() == {}


@pytest.mark.parametrize(
    "cell",
    [
        "sqlite-maildir",
        "sqlite-smtp",
        pytest.param("sqlite-imap", marks=pytest.mark.dovecot),
        pytest.param("postgres-smtp", marks=[pytest.mark.postgres, pytest.mark.rgw]),
        pytest.param("postgres-imap", marks=[pytest.mark.dovecot, pytest.mark.postgres, pytest.mark.rgw]),
    ],
)
def test_no_death_at_a_random_moment_loses_or_doubles_a_mail(
    tmp_path: Path, servers: Servers, cell: str
) -> None:
    chance = random.Random(SEED)  # noqa: S311  (a seed repeats a campaign)
    with stage(cell, tmp_path / cell, servers, chance, processes=1) as played:
        result = kill_at_random(played, SEED, KILLS)

    assert result.count.faults() == {}
    assert result.count.sent > 0


@pytest.mark.postgres
@pytest.mark.rgw
def test_of_two_copies_with_other_trace_fields_the_one_that_was_archived_and_not_committed_is_an_orphan(
    tmp_path: Path, servers: Servers
) -> None:
    chance = random.Random(SEED)  # noqa: S311  (a seed repeats a campaign)
    with stage("postgres-smtp", tmp_path / "orphan", servers, chance) as played:
        dying, heir = played.hosts
        mail = Post(SEED).write()
        played.start(dying, failpoint="accept.archived:kill")
        played.send(mail)
        assert dying.pid is not None
        assert played.nursery.wait(dying.pid, 30) == -signal.SIGKILL
        dying.pid = None

        played.start(heir)
        played.way.send(mail)
        stored = "SELECT count(*) FROM inbound_message"
        wait_until(lambda: played.rows(stored) == [(1,)], "the other copy to be stored")
        played.drain()
        played.kill_all()

        found = played.count()
        assert found.orphans == 1
        assert found.faults() == {}
