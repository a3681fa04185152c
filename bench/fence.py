"""What the daily work costs, in calls of functions and not in time: the same on every machine, busy or not.

python -m bench.fence             hold it against what was recorded for this Python: at most a tenth more
python -m bench.fence --record    record it anew, on purpose

Every call counts, of our functions and of the libraries', since a query built anew costs as much as ours.
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Final

import structlog

from bench import mails
from postroom.core.decode import decode
from postroom.core.mime import walk
from tests.databases import fresh_sqlite
from tests.house import Postroom
from tests.mailbox import mail

RECORD: Final = Path(__file__).with_name("fence.json")
SLACK: Final = 1.10
_ORGS: Final = ("acme", "beta", "gamma", "delta", "epsilon")
_MAILS: Final = 50
_SEED: Final = 1

Figures = dict[str, int]


class _Counted:
    """Counts calls, in all threads, while `counting` is entered."""

    def __init__(self) -> None:
        self.figures: Figures = {}

    @contextmanager
    def counting(self, name: str, *, per: int = 1) -> Iterator[None]:
        """Count the calls within the block, and divide them among so many."""
        calls = 0

        def count(_frame: FrameType, event: str, _given: Any) -> None:
            nonlocal calls
            calls += event in {"call", "c_call"}

        threading.setprofile(count)
        sys.setprofile(count)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
        self.figures[name] = calls // per


def measured() -> Figures:
    """Return the calls of each path: for a mail, a round with nothing to do, or a single mail by itself."""
    logging.disable(logging.CRITICAL)
    structlog.configure(processors=[_dropped])
    counted = _Counted()
    _take_apart(counted)
    with tempfile.TemporaryDirectory() as folder:
        _go_the_way(counted, Path(folder))
    counted.figures["modules of a round"] = _modules()
    return counted.figures


def _dropped(*_event: Any) -> Any:
    raise structlog.DropEvent


def _take_apart(counted: _Counted) -> None:
    some = [each.raw for each in mails.mixed(_MAILS, _SEED)]
    _decoded(some[0])
    with counted.counting("take a mail apart", per=_MAILS):
        for raw in some:
            _decoded(raw)


def _decoded(raw: bytes) -> None:
    for part in walk(raw).parts:
        decode(raw, part)


def _go_the_way(counted: _Counted, folder: Path) -> None:
    """Take in, take apart and announce: once so that all is loaded, and once to be counted."""
    room = Postroom(folder, database_url=fresh_sqlite(folder), orgs=_ORGS)
    numbers = iter(range(1_000))

    def put(count: int) -> None:
        for _ in range(count):
            number = next(numbers)
            to = f"orders+{_ORGS[number % len(_ORGS)]}@in.example"
            room.orders.put(mail(f"<{number}@bench.example>", to=to, po=b"%%PDF-1.4 %d" % number))

    def poll() -> object:
        return room.poll()

    steps: dict[str, Callable[[], object]] = {
        "take in": poll,
        "extract": room.extract,
        "announce": room.announce,
    }
    for is_counted in (False, True):
        for count, of in ((1, "a single mail"), (_MAILS, "a mail of many")):
            put(count)
            for name, step in steps.items():
                with (counted if is_counted else _Counted()).counting(f"{name} {of}", per=count):
                    step()
    with counted.counting("a round with nothing new"):
        for step in steps.values():
            step()


def _modules() -> int:
    """Return how many modules `fetch --once` loads before it looks at its configuration."""
    code = "import sys, postroom.cli.fetch; print(len(sys.modules))"
    return int(
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    )


def breaches(found: Figures, recorded: Figures) -> list[str]:
    """Return what costs more than a tenth over its record, has none, or is a record of nothing, in words."""
    unknown = [f"{name} has no record" for name in found if name not in recorded]
    gone = [f"{name} is recorded and was not measured" for name in recorded if name not in found]
    return [
        *unknown,
        *gone,
        *(
            f"{name}: {found[name]:,} calls, recorded are {recorded[name]:,}"
            for name in found
            if name in recorded and found[name] > SLACK * recorded[name]
        ),
    ]


def main() -> int:
    """Print the figures; return 1 where one is over its record."""
    parser = argparse.ArgumentParser(prog="make fence")
    parser.add_argument(
        "--record", action="store_true", help="record the figures for this Python, on purpose"
    )
    chosen = parser.parse_args()
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    records = json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}
    found = measured()
    if chosen.record:
        records[python] = found
        RECORD.write_text(json.dumps(records, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    if python not in records:
        sys.stdout.write(f"nothing is recorded for Python {python}: make fence-record\n")
        return 0
    faults = breaches(found, records[python])
    for name, calls in found.items():
        sys.stdout.write(
            f"{name:<30}{calls:>9,}{calls / records[python].get(name, calls):>8.2f} of its record\n"
        )
    sys.stdout.writelines(f"{fault}\n" for fault in faults)
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())
