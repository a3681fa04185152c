"""A disk that cannot sync: no source lets go, and no file whose sync failed is synced again and trusted."""

from __future__ import annotations

import random
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.crash.ledger import Post
from tests.crash.serving import Servers
from tests.crash.stages import Stage, stage
from tests.crash.tracing import Call, calls, traced

SEED = 1
EVERY_FSYNC_FAILS = "fsync:error=EIO:when=1+"

pytestmark = [pytest.mark.crash, pytest.mark.strace, pytest.mark.timeout(240)]


def test_a_round_on_a_disk_that_cannot_sync_lets_no_source_go(tmp_path: Path, servers: Servers) -> None:
    with stage("sqlite-maildir", tmp_path / "cell", servers, random.Random(SEED)) as played:  # noqa: S311  (repeatable)
        trace = _prepared(played)
        with traced(played, played.hosts[0], ["fetch", "--once"], trace, inject=EVERY_FSYNC_FAILS) as pid:
            code = played.nursery.wait(pid, 60)
            played.hosts[0].pid = None
        let_go = [call for call in calls(trace) if call.name in {"unlink", "linkat"} and "/new/" in call.told]
        refused = calls(trace, succeeded=False)
        _recovered(played)

        assert (code, let_go) == (74, [])
        assert _synced_twice(refused) == []
        assert played.count().faults() == {}


def _prepared(played: Stage) -> Path:
    """Make the database on a sound disk, and send a mail to each source; return where strace writes to."""
    played.drain()
    played.kill(played.hosts[0])
    played.sent += played.way.send_to_each(0, Post(SEED).write)
    return played.hosts[0].folder / "trace"


def _recovered(played: Stage) -> None:
    """Let a service on a sound disk do what is left."""
    played.drain()
    played.kill(played.hosts[0])


def _synced_twice(refused: list[Call]) -> list[str]:
    """Return the files whose fsync failed more than once; a folder may be tried again.

    After an error the kernel may have dropped what it could not write, and say yes the next time.
    """
    paths = re.findall(r"\d+<([^>]+)>", " ".join(call.told for call in refused if call.name == "fsync"))
    return [path for path, times in Counter(paths).items() if times > 1 and not Path(path).is_dir()]
