"""What an audit of very many rows costs: its time, and memory for a page of them whatever their number.

python -m bench.audit [--rows 1000000] [--objects 20000] [--json FILE]

The rows are made by statements, and some of their raw mails lie in the archive too.  The audit has to find
each of those that are missing, and nothing else.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final
from uuid import UUID

from bench.old_rows import sqlite_room
from bench.report import Figure, told
from bench.tree import watched
from tests.command import ENVIRONMENT

_MOST_MB: Final = 100.0
_SIZE: Final = 5_000  # bytes, as the rows say of each mail
_KEYS: Final = """
UPDATE inbound_message SET raw_key = :org || '/raw/' || substr(raw_sha256, 1, 2) || '/' || raw_sha256
"""


def cost_of_an_audit(asked: argparse.Namespace) -> Iterator[Figure]:
    """Yield what a quick audit needs; ends the bench where it does not find what is missing."""
    with tempfile.TemporaryDirectory(prefix="bench-audit-") as folder:
        place = _prepared(Path(folder), asked.rows, asked.objects)
        seconds, peak_mb, found = _audited(place)
    missing = 2 * asked.rows - asked.objects  # each has a raw mail and a document
    if (found["rows"], found["objects"], found["unaccounted"]) != (asked.rows, asked.objects, missing):
        raise SystemExit(f"not what is there: {found | {'problems': '...'}}")
    note = f"SQLite, {asked.rows:,} messages and documents, {asked.objects:,} objects, --quick"
    yield Figure("audit of many rows", seconds, "s", note)
    yield Figure("its memory", peak_mb, "MB", "the most that was resident", at_most=_MOST_MB)


def _prepared(folder: Path, rows: int, objects: int) -> Path:
    """Return the folder of a postroom with so many rows, and the first raw mails in its archive."""
    sqlite_room(folder, rows).database.close()
    place = folder / str(rows)
    with closing(sqlite3.connect(place / "postroom.db")) as database, database:
        ((org,),) = database.execute("SELECT id FROM org WHERE slug = 'acme'")
        database.execute(_KEYS, {"org": str(UUID(org))})
        kept = database.execute("SELECT raw_key FROM inbound_message LIMIT ?", (objects,)).fetchall()
    archive = place / "archive"
    archive.mkdir()
    for (key,) in kept:
        path = archive / key
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            file.truncate(_SIZE)
    (place / "postroom.toml").write_text(
        f'state_dir = "{place}"\n[orgs]\naddress = "orders+{{org}}@in.example"\n[org.acme]\n'
    )
    return place


def _audited(place: Path) -> tuple[float, float, dict[str, int]]:
    """Return the seconds, the most memory in MB and the answer of an audit."""
    words = ["-c", str(place / "postroom.toml"), "audit", "--quick", "--json"]
    began = time.monotonic()
    with (place / "answer").open("wb") as out:
        process = subprocess.Popen([sys.executable, "-m", "postroom", *words], stdout=out, env=ENVIRONMENT)
        with watched(process.pid) as peak:
            process.wait()
    seconds, answer = time.monotonic() - began, (place / "answer").read_text(encoding="utf-8")
    return seconds, peak.rss_mb, json.loads(answer)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.audit", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--objects", type=int, default=20_000)
    parser.add_argument("--json", type=Path, help="write the figures there too")
    asked = parser.parse_args()
    told(cost_of_an_audit(asked), asked.json)


if __name__ == "__main__":
    main()
