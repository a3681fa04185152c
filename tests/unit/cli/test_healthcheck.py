"""`postroom healthcheck`: 0 only while the service lives and its database and archive answer."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from postroom.jobs.heartbeat import beating
from postroom.jobs.sd_notify import ServiceSupervisor
from tests.unit.cli.room import Room
from tests.unit.cli.words import HEAVY


@pytest.fixture
def served(room: Room) -> Iterator[Room]:
    """Yield a room whose service is alive and has taken one mail."""
    room.deliver()
    room.fetch()
    with (
        room.app() as app,
        beating(app.settings.state_dir, command="run", now=app.now, supervisor=ServiceSupervisor({})),
    ):
        yield room


def test_a_service_that_lives_is_healthy(served: Room) -> None:
    answer = served.call("healthcheck")

    parts = [line.split()[:2] for line in answer.out.splitlines()]
    assert (answer.code, answer.err) == (0, "")
    assert parts == [["ok", "heartbeat"], ["ok", "database"], ["ok", "archive"]]
    assert f"postroom run (pid {os.getpid()})" in answer.out


def test_where_no_service_runs_it_ends_with_69_and_says_what_to_do(room: Room) -> None:
    room.fetch()

    answer = room.call("healthcheck")

    assert answer.code == 69
    assert f" FAIL heartbeat  no postroom runs on {room.archive.parent}  [E-SILENT]" in answer.out
    assert "Fix: start it: postroom run" in answer.out


def test_a_service_that_hangs_is_told_from_one_that_is_not_there(served: Room) -> None:
    long_ago = datetime.now(UTC).timestamp() - 60
    os.utime(served.archive.parent / "heartbeat", (long_ago, long_ago))

    answer = served.call("healthcheck")

    assert answer.code == 69
    assert f"postroom run (pid {os.getpid()}) gave its last sign of life 6" in answer.out


def test_a_damaged_database_fails_while_the_rest_is_well(served: Room) -> None:
    (served.archive.parent / "postroom.db").write_bytes(b"no database " * 1000)

    answer = served.call("healthcheck")

    assert (answer.code, [line.split()[0] for line in answer.out.splitlines()]) == (
        74,
        ["ok", "FAIL", "Fix:", "ok"],
    )
    assert "[E-DB-CORRUPT]" in answer.out


def test_an_archive_that_is_away_fails(served: Room) -> None:
    shutil.rmtree(served.archive)
    served.archive.write_bytes(b"no folder")

    answer = served.call("healthcheck")

    assert (answer.code, "[E-STORE]" in answer.out) == (74, True)


def test_an_archive_that_no_mail_has_made_yet_is_well(served: Room) -> None:
    shutil.rmtree(served.archive)

    assert served.call("healthcheck").code == 0
    assert not served.archive.exists()


def test_a_database_that_hangs_counts_as_away_once_the_time_is_over(served: Room) -> None:
    database = served.archive.parent / "postroom.db"
    database.unlink()
    os.mkfifo(database)  # opening it waits for a writer who never comes

    answer = served.call("healthcheck", "--timeout", "0.2")

    release = os.open(database, os.O_RDWR | os.O_NONBLOCK)
    os.close(release)
    assert answer.code == 75
    assert " FAIL database   no answer within 0.2 s  [E-DB]" in answer.out


def test_a_healthcheck_needs_no_password_of_a_mailbox(served: Room) -> None:
    config = served.path("postroom.toml")
    mailbox = '[mailbox.a]\nhost = "h"\nuser = "u"\npassword = { command = ["false"] }\n'
    config.write_text(config.read_text(encoding="utf-8") + mailbox, encoding="utf-8")

    assert served.call("healthcheck").code == 0


def test_a_healthcheck_changes_nothing(served: Room) -> None:
    before = {path: path.stat().st_mtime_ns for path in served.archive.parent.rglob("*") if path.is_file()}

    served.call("healthcheck")

    after = {path: path.stat().st_mtime_ns for path in served.archive.parent.rglob("*") if path.is_file()}
    assert after == before


def test_a_healthcheck_loads_none_of_the_slow_libraries(served: Room) -> None:
    code = (
        "import sys; from postroom.cli.main import main\n"
        "try: main(['healthcheck'])\n"
        "except SystemExit: print(*sorted(sys.modules), file=sys.stderr)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )

    assert "ok   database" in done.stdout
    assert set(done.stderr.split()) & (HEAVY - {"structlog", "rich"}) == set()
