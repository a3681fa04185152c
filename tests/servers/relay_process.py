"""The bundled relay as a user runs it: `postroom relay` in a process of its own."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.command import ENVIRONMENT
from tests.servers.waiting import free_port, wait_until

_CONFIG = """
state_dir = "{folder}/state"
[orgs]
address = "orders+{{org}}@in.example"
unknown = "reject"
[org.acme]
[org.beta]
[relay]
listen = "127.0.0.1:{port}"
hostname = "relay.test"
{more}
[maildir.relay]
path = "{folder}/Maildir"
"""


class RelayProcess:
    """A `postroom relay`; `start` and `kill` may be repeated."""

    def __init__(self, folder: Path, more: str = "") -> None:
        self.maildir = folder / "Maildir"
        self.port = free_port()
        self.config = folder / "postroom.toml"
        self.config.write_text(_CONFIG.format(folder=folder, port=self.port, more=more), encoding="utf-8")
        self._log = folder / "relay.log"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def said(self) -> str:
        return self._log.read_text(encoding="utf-8")

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "postroom", "-c", self.config, "relay"],
                stderr=log,
                env=ENVIRONMENT,
                start_new_session=True,
            )
        try:
            wait_until(self._answers, "the relay answers", seconds=40)
        except AssertionError:
            self._process.kill()  # those below it end with it
            self._process.wait(40)
            raise

    def stop(self) -> int:
        """Ask for the end; return the exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(40)

    def kill(self, which: slice = slice(None)) -> None:
        """Kill all its processes, or some of `pids()`, and wait until none is left."""
        assert self._process is not None
        every = self.pids()
        for pid in every[which]:
            os.kill(pid, signal.SIGKILL)
        self._process.wait(40)
        wait_until(lambda: not any(map(is_alive, every)), "all processes of the relay to end", seconds=40)

    def ended(self) -> int:
        """Wait for the end that comes by itself; return the exit code."""
        assert self._process is not None
        return self._process.wait(40)

    def pids(self) -> list[int]:
        """Return its processes: the one that listens, then those that serve."""
        below = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text(encoding="ascii")
        return [self.pid, *map(int, below.split())]

    def begin_peak(self) -> int:
        """Let VmHWM begin anew, and return what is resident now, in bytes."""
        for pid in self.pids():
            Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
        return self.rss_bytes()

    def rss_bytes(self, field: str = "VmRSS") -> int:
        """Return how much memory its processes have now, or had at most (VmHWM), each for itself."""
        found = 0
        for pid in self.pids():
            status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
            line = re.search(rf"{field}:\s+(\d+) kB", status)
            assert line is not None
            found += int(line[1]) * 1024
        return found

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.said
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
                return connection.recv(4) == b"220 "
        except OSError:
            return False


def is_alive(pid: int) -> bool:
    """Return whether a process runs; one that waits for its parent to look does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@contextmanager
def relay_process(folder: Path, more: str = "") -> Iterator[RelayProcess]:
    """Run `postroom relay` as long as the block lasts; it must then end with 0."""
    process = RelayProcess(folder, more)
    process.start()
    try:
        yield process
    finally:
        code = process.stop()
    assert code == 0, process.said
    assert "Traceback" not in process.said
