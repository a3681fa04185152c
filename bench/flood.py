"""What a flood costs: memory and queues stay bounded, and another org's mail does not wait for its end.

python -m bench.flood [--mails 50000] [--json FILE]

One `postroom run` on SQLite and files has a Maildir with that many mails of one org before it. Meanwhile a
mail of another org is put into a Maildir of its own, again and again, and its way to its document is timed.
"""

from __future__ import annotations

import argparse
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Final

from bench.report import Figure, median, percentile, show, write
from postroom import maildir
from tests.command import ENVIRONMENT
from tests.servers.waiting import wait_until

_MAIL: Final = (
    "Delivered-To: orders+{org}@in.test\nReceived: by mx\nMessage-ID: <{number}@{org}.test>\nSubject: order\n"
    "MIME-Version: 1.0\nContent-Type: application/pdf\nContent-Disposition: attachment; filename=po.pdf\n"
    "Content-Transfer-Encoding: base64\n\nJVBERi0xLjQK{number:08}\n"
)
_SAMPLE_SECONDS: Final = 0.5
_LONGEST_SECONDS: Final = 3600.0
_MOST_GROWTH: Final = 1.25


@dataclass(slots=True)
class Seen:
    """What was measured while the flood was worked on."""

    seconds: float = 0.0
    rss_mb: list[float] = field(default_factory=list)
    queued: list[int] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)


class Desk:
    """A postroom with two Maildirs: one for the flood, one for the single mails of another org."""

    def __init__(self, root: Path) -> None:
        self.flood, self.single = root / "flood", root / "single"
        self.config, self.database = root / "postroom.toml", root / "state" / "postroom.db"
        self.config.write_text(
            f'state_dir = "{root}/state"\n[orgs]\naddress = "orders+{{org}}@in.test"\n'
            "[org.acme]\n[org.beta]\n"
            f'[maildir.flood]\npath = "{self.flood}"\n[maildir.single]\npath = "{self.single}"\n'
            '[log]\nlevel = "warning"\n'
        )
        for folder in (self.flood, self.single):
            maildir.create(folder)

    def fill(self, mails: int) -> None:
        for number in range(mails):
            name = maildir.unique_name()
            (self.flood / "new" / name).write_text(_MAIL.format(org="acme", number=number))

    def parsed(self, slug: str) -> int:
        """Return how many messages of an org are through."""
        return self._count(
            "SELECT count(*) FROM inbound_message m JOIN org o ON o.id = m.org_id"
            f" WHERE o.slug = '{slug}' AND m.status = 'parsed'"
        )

    def queued(self) -> int:
        return self._count("SELECT count(*) FROM work WHERE state = 'stored'")

    def _count(self, statement: str) -> int:
        try:
            with closing(sqlite3.connect(f"{self.database.as_uri()}?mode=ro", uri=True)) as connection:
                return int(connection.execute(statement).fetchone()[0])
        except sqlite3.OperationalError:  # the service has not made it yet
            return 0

    @contextmanager
    def service(self) -> Iterator[subprocess.Popen[bytes]]:
        command = [sys.executable, "-m", "postroom", "-c", str(self.config), "run"]
        with subprocess.Popen(command, env=ENVIRONMENT) as process:
            try:
                yield process
                process.send_signal(signal.SIGTERM)
                process.wait(60)
            finally:
                process.kill()


def rss_mb(pid: int) -> float:
    """Return the resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def flooded(desk: Desk, mails: int) -> Seen:
    """Let the service work on the flood to its end, and put mails of the other org in, one by one."""
    seen, pause, number, sent_at = Seen(), Event(), 0, 0.0
    with desk.service() as process:
        wait_until(lambda: desk.parsed("acme") > 0, "the first mail", seconds=120)
        begun, done_before = time.perf_counter(), desk.parsed("acme")
        while desk.parsed("acme") < mails and time.perf_counter() - begun < _LONGEST_SECONDS:
            seen.rss_mb.append(rss_mb(process.pid))
            seen.queued.append(desk.queued())
            if desk.parsed("beta") == number:
                seen.delays += [time.perf_counter() - sent_at] if number else []
                number, sent_at = number + 1, time.perf_counter()
                maildir.deliver(desk.single, _MAIL.format(org="beta", number=number).encode())
            pause.wait(_SAMPLE_SECONDS)
        seen.seconds = time.perf_counter() - begun
        if desk.parsed("acme") < mails:
            raise SystemExit(f"only {desk.parsed('acme')} of {mails} mails were through after an hour")
    seen.seconds /= max(1, mails - done_before) / mails  # those before the first look count as fast
    return seen


def figures(seen: Seen, mails: int) -> Iterator[Figure]:
    quarter = max(1, len(seen.rss_mb) // 4)
    yield Figure("mails through", mails / seen.seconds, "mails/s", f"{mails} mails, SQLite and files")
    yield Figure("memory, first quarter", max(seen.rss_mb[:quarter]), "MB", "the most that was resident")
    yield Figure("memory, last quarter", max(seen.rss_mb[-quarter:]), "MB", "at most a quarter more")
    yield Figure("waiting for extraction", max(seen.queued), "rows", "the most; rows, not memory")
    if seen.delays:
        note = f"{len(seen.delays)} mails of another org and Maildir, from delivery to document"
        yield Figure("another org's mail, median", median(seen.delays), "s", note)
        yield Figure(
            "another org's mail, p95",
            percentile(seen.delays, 0.95),
            "s",
            f"looked at every {_SAMPLE_SECONDS} s",
        )
        yield Figure("another org's mail, longest", max(seen.delays), "s")


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.flood")
    parser.add_argument("--mails", type=int, default=50_000)
    parser.add_argument("--json", type=Path)
    wish = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-flood-") as root:
        desk = Desk(Path(root))
        desk.fill(wish.mails)
        found = list(figures(flooded(desk, wish.mails), wish.mails))
    show(found)
    if wish.json:
        write(found, wish.json)
    first, last = (figure.value for figure in found if figure.name.startswith("memory"))
    if last > first * _MOST_GROWTH:
        raise SystemExit(f"memory grew from {first:.0f} to {last:.0f} MB")


if __name__ == "__main__":
    main()
