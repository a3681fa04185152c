"""A real worker process: what it takes with it, what it is told, and how it ends."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from multiprocessing.connection import Pipe
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from postroom.app.crew import program_of
from postroom.app.crew_brief import brief_of
from postroom.config.masked import Secret
from postroom.config.settings import Bucket
from postroom.core.rules import Standard
from postroom.db.outcomes import Extracted
from postroom.db.values import Claim
from postroom.errors import ObjectMissing, WorkerDied, WorkerUnavailable
from postroom.failpoints import VARIABLE
from postroom.jobs.crew import Crew
from postroom.jobs.crew_member import Channel, Teller
from postroom.jobs.crew_process import WorkerProcess
from postroom.jobs.order import Order
from postroom.stages import ELSE, Ledger, profiled, track
from postroom.storage.local import LocalStore
from tests.crew import settings_at
from tests.mailbox import mail
from tests.servers.waiting import wait_until

ORG = UUID("01234567-89ab-7cde-8f01-23456789abcd")
RAW = mail(po=b"%PDF-1.4\n")
SHA256 = hashlib.sha256(RAW).hexdigest()
KEY = f"{ORG}/raw/{SHA256[:2]}/{SHA256}"
ORDER = Order(Claim(ORG, ORG, "acme", "<1@x>", KEY, SHA256, len(RAW), 0, 1), Standard(), follows=True)
LOST = replace(ORDER, claim=replace(ORDER.claim, raw_key=f"{ORG}/raw/no/where"))

Start = Callable[..., WorkerProcess]


@pytest.fixture
def archive(tmp_path: Path) -> LocalStore:
    """Return an archive with the mail in it."""
    store = LocalStore(tmp_path / "archive")
    store.put(KEY, RAW)
    return store


@pytest.fixture
def start(archive: LocalStore, tmp_path: Path) -> Iterator[Start]:
    """Yield what starts a worker process for that archive and waits until it is ready."""
    started: list[WorkerProcess] = []

    def start_one(*lines: str, **changes: Any) -> WorkerProcess:
        program = program_of(settings_at(tmp_path, *lines), threads=2)
        started.append(WorkerProcess(replace(program, **changes)))
        started[-1].require_start()
        return started[-1]

    yield start_one
    for each in started:
        each.close()


def unexpected(_order: Order) -> Extracted:
    raise AssertionError("taken apart by this process")


def test_what_it_takes_apart_is_answered_and_its_time_counts_for_who_waited(start: Start) -> None:
    ledger = Ledger()

    with profiled(ledger):
        crew = Crew(start, most=1, threads=2)
        crew.muster()
        with track("workers"):
            extracted = crew.take_apart(ORDER, here=unexpected)
            with pytest.raises(ObjectMissing, match="not in the archive"):
                crew.take_apart(LOST, here=unexpected)

    assert [part.filename for part in extracted.parts if part.kept] == ["po.pdf"]
    times = {key: spent.times for key, spent in ledger.spent.items()}
    assert times == {("workers", "read"): 2, ("workers", "take apart"): 1, ("workers", ELSE): 1}
    assert ledger.spent["workers", ELSE].seconds > 0


def test_one_that_is_killed_fails_what_it_holds_and_takes_no_more(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "extract.opened:1:sleep")
    process = start()
    maps = Path(f"/proc/{process.pid}/maps")

    with ThreadPoolExecutor() as threads:
        asked = threads.submit(process.take_apart, ORDER)
        wait_until(lambda: str(tmp_path) in maps.read_text(encoding="utf-8"), "the mail to be open there")
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(WorkerDied, match="a worker process was killed by SIGKILL"):
            asked.result()

    assert (process.take_apart(ORDER), process.is_over) == (None, True)


def test_what_asks_a_service_to_end_is_for_its_parent_alone_and_what_wants_memory_is_not(
    start: Start,
) -> None:
    process = start()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(process.pid, number)

    assert process.take_apart(ORDER) is not None
    score, own = (
        int(Path(f"/proc/{of}/oom_score_adj").read_text(encoding="ascii")) for of in (process.pid, "self")
    )
    assert score >= max(own, 500), "it is ended before its parent where memory runs out"


def test_it_ends_with_its_parent_whatever_it_is_doing(tmp_path: Path, archive: LocalStore) -> None:
    settings_at(tmp_path)
    code = (
        "import sys; from pathlib import Path; from postroom.config.load import load\n"
        "from postroom.app.crew import program_of; from postroom.jobs.crew_process import WorkerProcess\n"
        "config = Path(sys.argv[1], 'postroom.toml')\n"
        "settings = load(config, environ={}, cwd=config, home=config, is_root=False).settings\n"
        "process = WorkerProcess(program_of(settings, threads=1))\n"
        "process.require_start(); print(process.pid, flush=True); input()"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        os.kill(pid, signal.SIGSTOP)  # so that it can do nothing for its own end

        parent.kill()

        wait_until(lambda: is_over(pid), "the worker process to end")


def is_over(pid: int) -> bool:
    """Return whether a process ended, also where nobody has asked for its exit code yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_it_is_let_go_once_it_has_nothing_to_do(start: Start) -> None:
    process = start(idle_seconds=0.05)

    wait_until(lambda: is_over(process.pid), "the worker process to end")

    assert process.take_apart(ORDER) is None


def test_it_gets_no_secret_but_the_archives_and_that_on_no_command_line(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTROOM_DB__PASSWORD", "canary-of-the-environment")
    canary = Secret("canary")
    fresh = settings_at(tmp_path)
    settings = replace(fresh, oauth_key=canary, db=replace(fresh.db, password=canary))
    with_bucket = replace(settings, storage=replace(settings.storage, secret_key=canary))

    process = start()

    shown = [Path(f"/proc/{process.pid}/{name}").read_bytes() for name in ("environ", "cmdline")]
    told = [pickle.dumps(brief_of(each, threads=1, counts_time=False)) for each in (settings, with_bucket)]
    assert [each.count(b"canary") for each in (*shown, *told)] == [0, 0, 0, 1]


def test_where_there_is_a_bucket_it_gets_what_boto3_goes_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_PROFILE", "HTTPS_PROXY", "DATABASE_PASSWORD"):
        monkeypatch.setenv(name, "x")
    settings = settings_at(tmp_path)
    with_bucket = replace(settings, storage=replace(settings.storage, bucket=Bucket("mail", "")))

    folder, bucket = (program_of(each, threads=1).environment for each in (settings, with_bucket))

    assert set(bucket) - set(folder) >= {"AWS_PROFILE", "HTTPS_PROXY"}
    assert "DATABASE_PASSWORD" not in bucket


def test_one_that_does_not_start_says_why(tmp_path: Path) -> None:
    program = replace(program_of(settings_at(tmp_path), threads=1), brief="no brief")
    process = WorkerProcess(program)

    with pytest.raises(WorkerUnavailable, match="does not start: AttributeError: 'str' object has no"):
        process.require_start()

    process.close()
    with pytest.raises(WorkerUnavailable):
        process.require_start()


def test_a_draft_that_it_writes_is_no_leftover(
    start: Start, archive: LocalStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "archive.drafted:1:sleep")
    process = start()
    with ThreadPoolExecutor() as threads:
        asked = threads.submit(process.take_apart, ORDER)
        drafts = tmp_path / "archive" / "_drafts"
        wait_until(lambda: any(each.stat().st_size for each in drafts.iterdir()), "a document in a draft")

        archive.tidy()
        while_alive = len(list(drafts.iterdir()))
        process.close()
        archive.tidy()

        assert (while_alive, list(drafts.iterdir())) == (1, [])
        with pytest.raises(WorkerDied):
            asked.result()


def test_what_it_logs_is_a_line_in_the_log_of_its_parent(start: Start, log: io.StringIO) -> None:
    ours, theirs = Pipe()
    record = logging.LogRecord("botocore", logging.WARNING, "", 0, "slow down: %s", ("x",), None)

    Teller(Channel(theirs)).emit(record)

    start().hear(ours.recv())
    (line,) = [json.loads(each) for each in log.getvalue().splitlines()]
    assert (line["level"], line["event"]) == ("warning", "slow down: x")
