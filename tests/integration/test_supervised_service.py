"""`postroom run` under a supervisor: what it tells it, and what a healthcheck sees from outside."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from postroom import maildir
from tests.command import ENVIRONMENT, postroom
from tests.databases import furnish
from tests.servers.waiting import wait_until


@contextmanager
def service(folder: Path, **environ: str) -> Iterator[subprocess.Popen[bytes]]:
    """Yield a service that has started; it is killed at the end if it still runs."""
    maildir.create(folder / "Maildir")
    config = folder / "postroom.toml"
    furnish(folder / "state")
    config.write_text(
        f'state_dir = "{folder}/state"\n[org.acme]\n[maildir.in]\npath = "{folder}/Maildir"\norg = "acme"\n'
    )
    command = [sys.executable, "-m", "postroom", "-c", str(config), "run"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, env={**ENVIRONMENT, **environ}) as process:
        try:
            assert process.stderr is not None
            assert any(b'"started"' in line for line in process.stderr)
            yield process
        finally:
            process.kill()


def switches(pid: int, *, after: float = 0.0) -> str:
    """Return how often the main thread of a process has stopped running, in that many seconds."""
    Event().wait(after)
    status = Path(f"/proc/{pid}/task/{pid}/status").read_text(encoding="utf-8")
    return next(line for line in status.splitlines() if line.startswith("voluntary_ctxt_switches"))


def healthy(folder: Path) -> bool:
    return postroom(folder / "postroom.toml", "healthcheck", answer=None).code == 0


def test_systemd_hears_of_the_start_the_beats_and_the_end(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(20)

        with service(tmp_path, NOTIFY_SOCKET=str(tmp_path / "notify"), WATCHDOG_USEC="300000") as process:
            told = [systemd.recv(4096) for _ in range(8)]
            process.send_signal(signal.SIGTERM)
            ended = process.wait(20)
        while told[-1] not in {b"", b"STOPPING=1\nSTATUS=Finishing the messages at hand"}:
            told.append(systemd.recv(4096))

    assert told.count(b"READY=1\nSTATUS=Polling 1 source") == 1
    assert told.count(b"WATCHDOG=1") >= 6
    assert ended == 0


def test_a_signal_that_the_system_hands_to_another_thread_ends_the_service_too(tmp_path: Path) -> None:
    # The system chooses: as a rule the main thread, but not while that one has a signal to see to already.
    tgkill = ctypes.CDLL(None, use_errno=True).tgkill
    with service(tmp_path) as process:
        wait_until(
            lambda: switches(process.pid) == switches(process.pid, after=0.2), "the main thread to rest"
        )
        threads = [int(each.name) for each in Path(f"/proc/{process.pid}/task").iterdir()]
        another = next(thread for thread in sorted(threads) if thread != process.pid)

        assert tgkill(process.pid, another, signal.SIGTERM) == 0
        ended = process.wait(20)

    assert ended == 0


def test_a_service_is_healthy_while_it_runs_and_not_before_or_after(tmp_path: Path) -> None:
    with service(tmp_path) as process:
        while_it_runs = healthy(tmp_path)
        process.send_signal(signal.SIGTERM)
        process.wait(20)

    assert while_it_runs
    assert not healthy(tmp_path)


def test_a_service_that_hangs_falls_silent_and_is_healthy_again_when_it_goes_on(tmp_path: Path) -> None:
    heartbeat = tmp_path / "state" / "heartbeat"
    with service(tmp_path) as process:
        process.send_signal(signal.SIGSTOP)
        a_minute_ago = heartbeat.stat().st_mtime - 60
        os.utime(heartbeat, (a_minute_ago, a_minute_ago))

        silent = postroom(tmp_path / "postroom.toml", "healthcheck", answer=69)
        process.send_signal(signal.SIGCONT)
        wait_until(lambda: heartbeat.stat().st_mtime > a_minute_ago, "it beats again")

        assert f"postroom run (pid {process.pid}) gave its last sign of life" in silent.out
        assert healthy(tmp_path)


def test_a_service_that_was_killed_falls_silent(tmp_path: Path) -> None:
    with service(tmp_path) as process:
        process.kill()
        process.wait(20)
        heartbeat = tmp_path / "state" / "heartbeat"
        a_minute_ago = heartbeat.stat().st_mtime - 60
        os.utime(heartbeat, (a_minute_ago, a_minute_ago))

    assert "[E-SILENT]" in postroom(tmp_path / "postroom.toml", "healthcheck", answer=69).out


def test_prometheus_finds_what_stages_took_while_the_service_runs(tmp_path: Path) -> None:
    figures = tmp_path / "postroom.prom"

    with service(tmp_path, POSTROOM_PROFILE=str(figures)) as process:
        wait_until(figures.exists, "the first figures", 20)
        meanwhile = figures.read_text(encoding="utf-8")
        process.send_signal(signal.SIGTERM)
        ended = process.wait(20)

    whole = 'postroom_stage_duration_seconds_count{stage="else",track="main"} 1.0'
    assert 'postroom_stage_duration_seconds_count{stage="start",track="main"} 1.0' in meanwhile
    assert whole not in meanwhile
    assert whole in figures.read_text(encoding="utf-8")
    assert ended == 0
