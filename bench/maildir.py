"""How soon and how cheaply a Maildir's mails are seen; bench.latency runs it.

Each figure stands beside that of a bare peer in the same run; on a machine with other work only the ratio
of the two means anything.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

from watchdog.events import FileCreatedEvent, FileMovedEvent, FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from bench.report import Figure, percentile
from postroom import maildir
from postroom.config.load import load
from postroom.config.settings import MaildirFolder
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


def pick_up(root: Path, *, mails: int) -> Iterator[Figure]:
    """Rename mails into new/ one by one; stop the clock when our scan has read and hashed them."""
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
    for share in (0.50, 0.95, 0.99):
        bare_ms = f"{percentile(theirs, share) * 1e3:.1f} ms until a bare watchdog callback"
        most = 5.0 if share == 0.99 else None
        yield Figure(
            f"rename to seen, p{share * 100:.0f}", percentile(ours, share) * 1e3, "ms", bare_ms, most
        )


def burst(root: Path, *, mails: int) -> Iterator[Figure]:
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
    note = f"{mails:,} renames in {renamed:.1f} s; {left} left in new/"
    yield Figure("burst, missed", mails - len(seen), "mails", note, at_most=0)
    yield Figure("burst, taken", mails / took, "mails/s", "read, hashed and unlinked")


def backlog(root: Path, *, mails: int) -> Iterator[Figure]:
    """Look at a folder with a backlog: all of it known already, and all of it new."""
    maildir.create(root)
    for number in range(mails):
        os.close(os.open(root / "new" / f"{1_700_000_000 + number}.M1.bench", os.O_CREAT, 0o600))
    bare, names = timed(lambda: os.listdir(root / "new"))  # noqa: PTH208  (the bare peer)
    listed, _ = timed(lambda: maildir.listing(root, "new"))
    first, batch = timed(lambda: next(source(root).batches(MemoryInRam(), limit=1000)))
    note = f"{len(names):,} files in new/"
    yield Figure("backlog, bare listdir", bare * 1e3, "ms", note)
    yield Figure("backlog, sorted and sifted", listed * 1e3, "ms", at_most=150.0)
    yield Figure(f"backlog, first batch of {len(batch.fetched)}", first * 1e3, "ms")
    large_mb = first_batch_rss_mb(root)
    for path in sorted((root / "new").iterdir())[1000:]:
        path.unlink()
    small_mb = first_batch_rss_mb(root)
    yield Figure(
        "backlog, memory", large_mb, "MB", f"peak until the first batch; {small_mb:.1f} with 1,000 files"
    )


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
    taken = 0
    with closing(source(root)) as opened:
        for batch in opened.batches(MemoryInRam(), limit=1000):
            now = time.perf_counter()
            for copy in batch.fetched:
                seen.setdefault(copy.place.file_name, now)
            if settle:
                opened.settle([copy.place for copy in batch.fetched])
            taken += len(batch.fetched)
    return taken


def source(root: Path) -> MaildirSource:
    return MaildirSource(settings(root), root.parent / "spool")


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


def timed(act: Callable[[], Answer]) -> tuple[float, Answer]:
    started = time.perf_counter()
    answer = act()
    return time.perf_counter() - started, answer
