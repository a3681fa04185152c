"""The bundled relay as a user runs it: `postroom relay` in a process of its own."""

from __future__ import annotations

import re
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
                [sys.executable, "-m", "postroom", "-c", self.config, "relay"], stderr=log, env=ENVIRONMENT
            )
        wait_until(self._answers, "the relay answers", seconds=40)

    def stop(self) -> int:
        """Ask for the end; return the exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(40)

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(40)

    def begin_peak(self) -> int:
        """Let VmHWM begin anew, and return what is resident now, in bytes."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5", encoding="ascii")
        return self.rss_bytes()

    def rss_bytes(self, field: str = "VmRSS") -> int:
        """Return how much memory the process has now, or had at most (VmHWM)."""
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        found = re.search(rf"{field}:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) * 1024

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, self.said
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
                return connection.recv(4) == b"220 "
        except OSError:
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
