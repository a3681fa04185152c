"""A `postroom run` as a user has it, and when its documents can be seen in its database."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from tests.command import ENVIRONMENT
from tests.servers.waiting import wait_until

LOOK_SECONDS: Final = 0.005
_NEWER: Final = """
SELECT d.rowid, m.source_message_id FROM document d
JOIN inbound_message m ON m.org_id = d.org_id AND m.id = d.message_id WHERE d.rowid > ? ORDER BY d.rowid
"""


@contextmanager
def service(config: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Yield a service from when it says that it has started; what it says goes into `log` beside `config`."""
    log = config.with_name("log")
    command = [str(Path(sys.executable).with_name("postroom")), "-c", str(config), "run"]
    with log.open("wb") as said, subprocess.Popen(command, stderr=said, env=ENVIRONMENT) as process:
        try:
            wait_until(lambda: '"started"' in log.read_text(encoding="utf-8"), "postroom to start", 60)
            yield process
        finally:
            process.terminate()
            process.wait(60)


class Documents(dict[str, float]):
    """When each message's first document was seen in the database, by perf_counter and up to 5 ms late."""

    @contextmanager
    def watched(self, database: Path) -> Iterator[None]:
        over = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(database, over))
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()

    def _watch(self, database: Path, over: threading.Event) -> None:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as rows:
            newest = 0
            while not over.wait(LOOK_SECONDS):
                for row, message_id in rows.execute(_NEWER, (newest,)).fetchall():
                    newest = row
                    self.setdefault(message_id, time.perf_counter())
