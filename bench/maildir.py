"""How soon and how cheaply a Maildir's mails are seen: `make bench-maildir`.

Each figure stands beside that of a bare peer in the same run; on a machine with other work only the ratio
of the two means anything.
"""

from __future__ import annotations

import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from watchdog.events import FileCreatedEvent, FileMovedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from postroom import maildir
from postroom.config.load import load
from postroom.config.settings import MaildirFolder
from postroom.core.limits import DEFAULT_LIMITS
from postroom.fetcher.maildir_source import MaildirSource
from postroom.fetcher.watch import watch
from tests.servers.memory import MemoryInRam
from tests.servers.waiting import wait_until

MAIL = (
    b"X-Original-To: orders+acme@in.test\nReceived: by mx; Thu, 1 Jan 2026 00:00:00 +0000\nFrom: a@b.test\n"
    b"Message-ID: <%d@bench.test>\nMIME-Version: 1.0\nContent-Type: application/pdf\n"
    b"Content-Transfer-Encoding: base64\n\nJVBERi0xLjQK" + b"QUJD" * 1000 + b"\n"
)
Answer = TypeVar("Answer")
ADDRESS = "orders+{org}@in.test"


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="bench-maildir-") as root:
        print(f"on {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, in {root}")
        pick_up(Path(root) / "pick-up", mails=300)
        burst(Path(root) / "burst", mails=20_000)
        backlog(Path(root) / "backlog", mails=100_000)
        to_a_row(Path(root) / "row", mails=400, pause_seconds=0.05)


def pick_up(root: Path, *, mails: int) -> None:
    """Rename mails into new/ one by one; stop the clock when our scan has them."""
    maildir.create(root)
    seen: dict[str, float] = {}
    told: dict[str, float] = {}
    sent: dict[str, float] = {}
    bare = Observer()
    bare.schedule(Bare(told), str(root / "new"), event_filter=[FileCreatedEvent, FileMovedEvent])
    bare.start()
    with scanning(root, seen, settle=True):
        for number in range(mails):
            name = f"{number}.M1.bench"
            (root / "tmp" / name).write_bytes(MAIL % number)
            sent[name] = time.perf_counter()
            (root / "tmp" / name).rename(root / "new" / name)
            time.sleep(0.01)
        wait_until(lambda: len(seen) == mails, f"{len(seen)} of {mails} seen", 60)
    bare.stop()
    bare.join()
    ours, theirs = ([at[name] - sent[name] for name in sent if name in at] for at in (seen, told))
    show("rename -> in a batch, read and hashed", ours, "bare watchdog callback", theirs)


def burst(root: Path, *, mails: int) -> None:
    """Rename very many at once while our scan and settling go on; none may be missed."""
    maildir.create(root)
    for number in range(mails):
        (root / "tmp" / f"{number}.M1.bench").write_bytes(MAIL % number)
    seen: dict[str, float] = {}
    started = time.perf_counter()
    with scanning(root, seen, settle=True):
        for number in range(mails):
            (root / "tmp" / f"{number}.M1.bench").rename(root / "new" / f"{number}.M1.bench")
        renamed = time.perf_counter() - started
        wait_until(lambda: len(seen) == mails, "the burst to be seen", 600)
    took = time.perf_counter() - started
    left = len(list((root / "new").iterdir()))
    print(
        f"burst of {mails:,} renames ({renamed:.1f} s): missed {mails - len(seen)}, left in new/ {left}; "
        f"all read, hashed and unlinked after {took:.1f} s ({mails / took:,.0f}/s)"
    )


def backlog(root: Path, *, mails: int) -> None:
    """Look at a folder with a backlog: all of it known already, and all of it new."""
    maildir.create(root)
    for number in range(mails):
        os.close(os.open(root / "new" / f"{1_700_000_000 + number}.M1.bench", os.O_CREAT, 0o600))
    bare, names = timed(lambda: os.listdir(root / "new"))  # noqa: PTH208  (the bare peer)
    listed, _ = timed(lambda: maildir.listing(root, "new"))
    first, batch = timed(lambda: next(source(root).batches(MemoryInRam(), limit=1000)))
    print(
        f"{len(names):,} files in new/: bare listdir {bare * 1e3:.0f} ms; sorted and sifted "
        f"{listed * 1e3:.0f} ms ({listed / bare:.1f} x); "
        f"first batch of {len(batch.fetched)} after {first * 1e3:.0f} ms"
    )
    memory_mb = [first_batch_rss_mb(root)]
    for path in sorted((root / "new").iterdir())[1000:]:
        path.unlink()
    memory_mb.append(first_batch_rss_mb(root))
    print(
        f"peak RSS of a process that takes the first batch: {memory_mb[0]:.1f} MB, "
        f"and {memory_mb[1]:.1f} MB with 1,000 files"
    )


def to_a_row(root: Path, *, mails: int, pause_seconds: float) -> None:
    """Let `postroom run` work, and compare the time of each rename with that of its document row."""
    maildir.create(root / "Maildir")
    config = root / "postroom.toml"
    config.write_text(
        f'state_dir = "{root}/state"\n[orgs]\naddress = "{ADDRESS}"\n[org.acme]\n'
        f'[maildir.intake]\npath = "{root}/Maildir"\n'
    )
    sent: dict[str, datetime] = {}
    with running(config):
        for number in range(mails):
            maildir.deliver(root / "Maildir", MAIL % number)
            sent[f"<{number}@bench.test>"] = datetime.now(UTC)
            time.sleep(pause_seconds)
        wait_until(lambda: len(rows(root)) == mails, "every mail to become a document", 120)
    took = [(at - sent[message_id]).total_seconds() for message_id, at in rows(root)]
    show(f"rename -> document row, at {1 / pause_seconds:.0f} mails/s", took)


# --- what is used above -------------------------------------------------------------------------------


class Bare(FileSystemEventHandler):
    def __init__(self, told: dict[str, float]) -> None:
        self._told = told

    def on_any_event(self, event: FileSystemEvent) -> None:
        self._told.setdefault(Path(os.fsdecode(event.src_path)).name, time.perf_counter())


@contextmanager
def scanning(root: Path, seen: dict[str, float], *, settle: bool) -> Iterator[None]:
    """Scan as the service does: woken by the watcher, batch by batch, each one settled."""
    ringing, ended = threading.Event(), threading.Event()

    def scan() -> None:
        while not ended.is_set():
            ringing.wait(0.5)
            ringing.clear()
            while take_one_poll(root, seen, settle=settle):
                pass

    watcher = watch([root / "new"], ringing.set)
    scanner = threading.Thread(target=scan)
    scanner.start()
    try:
        yield
    finally:
        ended.set()
        ringing.set()
        scanner.join()
        watcher.close()


def take_one_poll(root: Path, seen: dict[str, float], *, settle: bool) -> int:
    taken, opened = 0, source(root)
    for batch in opened.batches(MemoryInRam(), limit=1000):
        now = time.perf_counter()
        for copy in batch.fetched:
            seen.setdefault(copy.place.file_name, now)
        if settle:
            opened.settle([copy.place for copy in batch.fetched])
        taken += len(batch.fetched)
    return taken


def source(root: Path) -> MaildirSource:
    return MaildirSource(settings(root), DEFAULT_LIMITS)


def settings(root: Path) -> MaildirFolder:
    environ = {"POSTROOM_MAILDIR__BENCH__PATH": str(root)}
    return load(None, environ=environ, cwd=root, home=root, is_root=False).settings.maildir["bench"]


def first_batch_rss_mb(root: Path) -> float:
    program = (
        "import sys; from pathlib import Path; from bench.maildir import source; "
        "from tests.servers.memory import MemoryInRam; "
        "next(source(Path(sys.argv[1])).batches(MemoryInRam(), limit=1000)); "
        "print(Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(root)], check=True, capture_output=True, text=True
    )
    return int(done.stdout) / 1024


@contextmanager
def running(config: Path) -> Iterator[None]:
    command = [sys.executable, "-m", "postroom", "-c", str(config), "run"]
    with (config.parent / "log").open("wb") as log:
        service = subprocess.Popen(command, stderr=log)
        try:
            wait_until((config.parent / "state" / "postroom.db").exists, "postroom to start", 60)
            time.sleep(3)  # the first poll of an empty folder is no part of the figure
            yield
        finally:
            service.terminate()
            service.wait(60)


def rows(root: Path) -> list[tuple[str, datetime]]:
    with sqlite3.connect(f"file:{root}/state/postroom.db?mode=ro", uri=True) as database:
        found = database.execute(
            "select m.source_message_id, d.created_at"
            " from document d join inbound_message m on m.id = d.message_id"
        ).fetchall()
    return [(message_id, datetime.fromisoformat(at).replace(tzinfo=UTC)) for message_id, at in found]


def timed(act: Callable[[], Answer]) -> tuple[float, Answer]:
    started = time.perf_counter()
    answer = act()
    return time.perf_counter() - started, answer


def show(what: str, seconds: Sequence[float], peer: str = "", peers: Sequence[float] = ()) -> None:
    words = f"{what}: {spread(seconds)}, n = {len(seconds)}"
    if peers:
        words += f"; {peer}: {spread(peers)} ({p(seconds, 99) / p(peers, 99):.1f} x at p99)"
    print(words)


def spread(seconds: Sequence[float]) -> str:
    return ", ".join(f"p{share} {p(seconds, share) * 1e3:.1f} ms" for share in (50, 95, 99))


def p(seconds: Sequence[float], share: int) -> float:
    return statistics.quantiles(seconds, n=100, method="inclusive")[share - 1]


if __name__ == "__main__":
    main()
