"""What systemd is told, by a real datagram socket."""

from __future__ import annotations

import io
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from postroom.jobs.heartbeat import Heartbeat
from postroom.jobs.sd_notify import ServiceSupervisor
from tests.house import Clock


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    """Yield a socket that listens as systemd does, at `tmp_path/notify`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(10)
        yield listener


def test_assignments_arrive_as_one_datagram(systemd: socket.socket, tmp_path: Path) -> None:
    supervisor = ServiceSupervisor({"NOTIFY_SOCKET": str(tmp_path / "notify")})

    supervisor.tell("READY=1", "STATUS=Polling 2 sources")

    assert systemd.recv(4096) == b"READY=1\nSTATUS=Polling 2 sources"


def test_a_socket_in_the_abstract_namespace_is_reached(tmp_path: Path) -> None:
    name = f"postroom-test-{tmp_path.name}-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(f"\0{name}")
        listener.settimeout(10)

        ServiceSupervisor({"NOTIFY_SOCKET": f"@{name}"}).tell("STOPPING=1")

        assert listener.recv(4096) == b"STOPPING=1"


def test_without_a_supervisor_nothing_is_sent(log: io.StringIO) -> None:
    ServiceSupervisor({}).tell("READY=1")

    assert log.getvalue() == ""


def test_a_supervisor_that_left_is_logged_and_does_no_harm(tmp_path: Path, log: io.StringIO) -> None:
    ServiceSupervisor({"NOTIFY_SOCKET": str(tmp_path / "gone")}).tell("WATCHDOG=1")

    assert '"event": "systemd not told"' in log.getvalue()


def test_a_heartbeat_feeds_the_watchdog(systemd: socket.socket, tmp_path: Path) -> None:
    supervisor = ServiceSupervisor({"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "60000000"})

    Heartbeat(tmp_path, command="run", now=Clock(), supervisor=supervisor).beat()

    assert systemd.recv(4096) == b"WATCHDOG=1"


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        pytest.param({}, 5.0, id="nobody watches"),
        pytest.param({"WATCHDOG_USEC": "60000000"}, 5.0, id="the watchdog is patient"),
        pytest.param({"WATCHDOG_USEC": "3000000"}, 1.0, id="the watchdog is impatient"),
        pytest.param({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, 5.0, id="it watches another"),
        pytest.param({"WATCHDOG_USEC": "soon"}, 5.0, id="no number"),
        pytest.param({"WATCHDOG_USEC": "0"}, 5.0, id="switched off"),
    ],
)
def test_a_heart_beats_often_enough_for_the_watchdog(
    tmp_path: Path, environ: dict[str, str], seconds: float
) -> None:
    heartbeat = Heartbeat(tmp_path, command="run", now=Clock(), supervisor=ServiceSupervisor(environ))

    assert heartbeat.every_seconds == seconds
