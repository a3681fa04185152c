"""A Maildir with a backlog: what the first batch costs does not grow with what waits behind it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from postroom import maildir

# In a process of its own: an audit hook stays for ever.
_COUNTING = """
import json, sys, tracemalloc
from dataclasses import replace
from pathlib import Path
from postroom.config.load import load
from postroom.fetcher.maildir_source import MaildirSource
from tests.servers.memory import MemoryInRam

folder = Path(sys.argv[1])
environ = {"POSTROOM_MAILDIR__INTAKE__PATH": str(folder)}
settings = load(None, environ=environ, cwd=folder, home=folder, is_root=False).settings.maildir["intake"]
counts = {"open": 0, "os.scandir": 0, "os.listdir": 0}

def hook(event, arguments):
    if event in counts and counting and str(arguments[0]).startswith(str(folder)):
        counts[event] += 1

counting = False
sys.addaudithook(hook)
tracemalloc.start()
before = tracemalloc.get_traced_memory()[0]
counting = True
batch = next(MaildirSource(settings, folder.with_name("spool")).batches(MemoryInRam(), limit=1000))
counting = False
names = [copy.place.file_name for copy in batch.fetched]
peak = tracemalloc.get_traced_memory()[1] - before
print(json.dumps({"names": names, "opened": counts["open"], "listed": counts["os.scandir"], "peak": peak}))
"""


@dataclass(frozen=True, slots=True)
class Cost:
    names: list[str]
    opened: int
    listed: int
    peak: int


def first_batch(folder: Path) -> Cost:
    done = subprocess.run(
        [sys.executable, "-c", _COUNTING, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert done.returncode == 0, done.stderr
    return Cost(**json.loads(done.stdout))


def fill(folder: Path, first: int, last: int) -> None:
    """Put mails into new/, named in the order of their numbers; nobody reads them, so they are empty."""
    for number in range(first, last):
        os.close(os.open(folder / "new" / f"{1_700_000_000 + number}.M1.host", os.O_CREAT, 0o600))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    maildir.create(tmp_path / "Maildir")
    return tmp_path / "Maildir"


def test_ten_times_the_backlog_costs_the_first_batch_nothing_more(folder: Path) -> None:
    fill(folder, 0, 3_000)
    small = first_batch(folder)
    fill(folder, 3_000, 30_000)

    huge = first_batch(folder)

    assert huge.names == small.names == [f"{1_700_000_000 + number}.M1.host" for number in range(50)]
    assert (huge.opened, huge.listed) == (small.opened, small.listed) == (51, 1)
    assert huge.peak < small.peak * 1.1
    assert huge.peak < 4 << 20
