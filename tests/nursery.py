"""A process that has imported all of postroom, and forks one after the other: none costs any imports.

What is forked is a whole process of its own that runs one command line, as if it had just been started.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, NoReturn, Self

from postroom.cli.registry import COMMANDS
from tests.environment import ENVIRONMENT

_WARM = (
    "alembic.command", "aiosmtpd.smtp", "apscheduler.schedulers.background", "boto3", "imapclient",
    "postroom.app.relay", "postroom.app.running", "postroom.cli.fetch", "postroom.cli.run",
    "postroom.db.schema", "postroom.fetcher.imap", "postroom.fetcher.maildir_source",
    "postroom.fetcher.parking", "postroom.jobs.cluster", "postroom.storage.s3", "psycopg",
    "sqlalchemy.dialects.postgresql", "sqlalchemy.dialects.sqlite", "watchdog.observers",
    "tests.crash.sabotage",
)  # fmt: skip


class Nursery:
    """Starts postrooms, and is the parent that waits for them.

    Their environment is the usual one as it is when each of them starts, and `environ` besides; `sabotages`
    befall them all.
    """

    def __init__(
        self, environ: Mapping[str, str] = MappingProxyType({}), *, sabotages: Sequence[str] = ()
    ) -> None:
        self._environ, self._sabotages = environ, sabotages
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**ENVIRONMENT, **environ},
            cwd=Path(__file__).parents[1],
        )
        assert self._read() == "ready"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def start(
        self,
        words: list[str],
        log: Path,
        *,
        out: Path | None = None,
        failpoint: str = "",
        sabotages: Sequence[str] = (),
    ) -> int:
        """Start a command line and return its pid; its output goes to `log`, or the standard one to `out`."""
        order = {
            "words": words,
            "out": str(out or log),
            "log": str(log),
            "environ": {**ENVIRONMENT, **self._environ},
            "failpoint": failpoint,
            "sabotages": [*self._sabotages, *sabotages],
        }
        return int(self._ask("start", order))

    def wait(self, pid: int, seconds: float) -> int | None:
        """Return what a process ended with, minus the signal if by one; None where it lives on."""
        answer: int | None = self._ask("wait", [pid, seconds])
        return answer

    def kill(self, pid: int) -> int:
        """End a process as a power cut does, if it lives, and return what it ended with."""
        return int(self._ask("kill", pid))

    def _ask(self, what: str, about: Any) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([what, about]).encode() + b"\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError("the nursery died")
        return json.loads(line)


def _serve() -> None:
    """Answer orders until standard input ends; then nobody is left alive."""
    for module in (*_WARM, *(entry.module for entry in COMMANDS.values())):
        __import__(module)
    gc.freeze()
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    living: set[int] = set()
    _answer("ready")
    for line in sys.stdin:
        what, about = json.loads(line)
        if what == "start":
            living.add(pid := _forked(about))
            _answer(pid)
            continue
        pid, seconds = (about, 30.0) if what == "kill" else about
        if what == "kill":
            os.kill(pid, signal.SIGKILL)
        code = _ended(pid, seconds)
        if code is not None:
            living.discard(pid)
        _answer(code)
    for pid in living:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _answer(what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def _ended(pid: int, seconds: float) -> int | None:
    deadline = time.monotonic() + seconds
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        left = deadline - time.monotonic()
        if left <= 0:
            return None
        signal.sigtimedwait([signal.SIGCHLD], left)


def _forked(order: dict[str, Any]) -> int:
    pid = os.fork()
    if pid == 0:
        _live(order)
    return pid


def _live(order: dict[str, Any]) -> NoReturn:
    """Be the postroom that was ordered."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
    log, out = (
        os.open(order[name], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) for name in ("log", "out")
    )
    nothing = os.open(os.devnull, os.O_RDWR)
    for target, source in ((0, nothing), (1, out), (2, log)):
        os.dup2(source, target)
    os.environ.clear()
    os.environ.update(order["environ"])
    from postroom.cli.main import main  # noqa: PLC0415  (the nursery alone has it warm)
    from tests.crash.sabotage import arm  # noqa: PLC0415  (as above)

    arm(failpoint=order["failpoint"], sabotages=order["sabotages"])
    try:
        main(order["words"])
    except SystemExit as ended:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(ended.code if isinstance(ended.code, int) else 70)
    os._exit(70)


if __name__ == "__main__":
    _serve()
