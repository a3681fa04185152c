"""Processes that stand for hosts: each has its state_dir, its wire to PostgreSQL and its door of Dovecot."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.command import ENVIRONMENT
from tests.crash.ledger import ORGS
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.postgres import Postgres
from tests.servers.proxy import Wire
from tests.servers.waiting import wait_until


@dataclass(frozen=True, slots=True)
class Shared:
    """What all hosts have in common; `storage` is the [storage] section, by default a folder's.

    With `connections` at 0 none stays open: Dovecot's log tells connections, and each of them is a poll then.
    """

    folder: Path
    postgres: Postgres
    database: str
    dovecot: Dovecot
    boxes: Sequence[str]
    poll_seconds: int
    lease_seconds: int
    storage: str = ""
    connections: int = 0

    def configuration(self, state_dir: Path, *, database_port: int, door: int) -> str:
        """Return a host's postroom.toml; hosts differ in nothing but where they reach what they share."""
        boxes = "".join(
            f'[mailbox.{box}]\nhost = "127.0.0.1"\nport = {door}\ntls = "off"\nuser = "{box}"\n'
            f'password = "{PASSWORD}"\nsince = "all"\npoll = "{self.poll_seconds}s"\n'
            for box in self.boxes
        )
        files = f'[storage]\nurl = "file://{self.folder}/archive"\n'
        return (
            f'state_dir = "{state_dir}"\n{self.postgres.section(self.database, port=database_port)}'
            + (self.storage or files)
            + f'[jobs]\nconnections = {self.connections}\nlease = "{self.lease_seconds}s"\n'
            'backoff = "1s..2s"\n[orgs]\naddress = "orders+{org}@in.test"\n'
            + "".join(f"[org.{org}]\n" for org in ORGS)
            + boxes
        )


@dataclass(slots=True)
class Host:
    """One host; `faults` are the times, in seconds since 1970, in which it was not allowed to work."""

    name: str
    shared: Shared
    door: int
    command: str = "run"
    faults: list[tuple[float, float]] = field(default_factory=list)
    wire: Wire = field(init=False)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.wire = Wire(self.shared.postgres.port)
        self.wire.start()
        self.folder.mkdir()
        config = self.folder / "postroom.toml"
        config.touch(0o600)
        config.write_text(
            self.shared.configuration(self.folder / "state", database_port=self.wire.port, door=self.door),
            encoding="utf-8",
        )

    @property
    def folder(self) -> Path:
        return self.shared.folder / self.name

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def start(self) -> None:
        """Start the service and return when it says that it has started."""
        before = self.log.count('"started"') if (self.folder / "log").exists() else 0
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "postroom", "-c", str(self.folder / "postroom.toml"), self.command],
                stdout=log,
                stderr=log,
                env=ENVIRONMENT,
            )
        wait_until(lambda: self.log.count('"started"') > before, f"{self.name} to start", 180)

    def kill(self) -> None:
        """End it as a power cut does."""
        self._running.kill()
        self._running.wait()

    def terminate(self) -> int:
        """Ask it to end, and return its exit code."""
        self._running.terminate()
        return self._running.wait(60)

    def freeze(self) -> None:
        self._running.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._running.send_signal(signal.SIGCONT)

    def memory_mb(self) -> float:
        """Return how much memory it has had at most."""
        status = Path(f"/proc/{self._running.pid}/status").read_text(encoding="ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) / 1_000

    def cpu_seconds(self) -> float:
        """Return how much processor time it has used."""
        fields = (
            Path(f"/proc/{self._running.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        )
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @contextmanager
    def at_fault(self) -> Iterator[None]:
        """Write down that it may not work as long as the block lasts."""
        begun = time.time()
        try:
            yield
        finally:
            self.faults.append((begun, time.time()))

    def close(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.thaw()
            self.kill()
        self.wire.close()

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self.process is not None
        return self.process
