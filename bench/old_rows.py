"""What a mail costs where a million others lie already, against ten thousand, in both databases."""

from __future__ import annotations

import hashlib
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final

from bench.report import Figure, median
from tests.databases import fresh_sqlite, migrated
from tests.house import PDF, Postroom
from tests.mailbox import mail
from tests.servers.fixtures import running_postgres
from tests.servers.postgres import Postgres

_FEW: Final = 10_000
_ROUNDS, _MAILS = 12, 50
_ID: Final = "(lpad(to_hex(1700000000000 + n), 12, '0') || '70008000' || lpad(to_hex(n), 12, '0'))::uuid"
_MESSAGES: Final = f"""
INSERT INTO inbound_message (org_id, id, source, source_message_id, recipient, received_at, size_bytes,
    raw_key, raw_sha256, content_sha256, conflict, status, attempts, created_at, updated_at, from_address,
    subject)
SELECT o.id, {_ID}, 'EMAIL', '<old' || n || '@sender.example>', 'orders+acme@in.example', now(), 5000,
    'raw/' || n, md5(n::text) || md5(n::text), md5(n::text) || md5(n::text), false, 'parsed', 1, now(), now(),
    'anna@sender.example', 'an order of old'
FROM generate_series(1, %s) AS n, org AS o WHERE o.slug = 'acme'
"""
_DOCUMENTS: Final = f"""
INSERT INTO document (org_id, id, message_id, part_path, filename, content_type, sniffed, size_bytes, sha256,
    object_key, decode_status, created_at)
SELECT o.id, {_ID}, {_ID}, '2', 'old.pdf', 'application/pdf', 'application/pdf', 4000,
    md5(n::text) || md5(n::text), 'doc/' || n, 'ok', now()
FROM generate_series(1, %s) AS n, org AS o WHERE o.slug = 'acme'
"""
_SIGHTINGS: Final = f"""
INSERT INTO sighting (org_id, id, source_name, folder, uidvalidity, uid, file_name, internal_date, size_bytes,
    message_id_sha256, raw_sha256, verdict, decided_by, message_id, seen_at, settled_at)
SELECT o.id, {_ID}, 'orders', 'INBOX', 1, n, '', now(), 5000, md5(n::text) || md5(n::text),
    md5(n::text) || md5(n::text), 'accepted', 'X-Original-To', {_ID}, now(), now()
FROM generate_series(1, %s) AS n, org AS o WHERE o.slug = 'acme'
"""


def cost_of_old_rows(many: int = 1_000_000) -> Iterator[Figure]:
    """Yield the time of a mail, from its mailbox to its announcement, with few and with many old rows.

    Both databases of a kind are measured in turns, so that what else the machine does hits both.
    """
    with tempfile.TemporaryDirectory() as folder:
        yield from _compared("SQLite", partial(sqlite_room, Path(folder)), many)
    with running_postgres(fsync=True) as server, tempfile.TemporaryDirectory() as folder:
        yield from _compared("PostgreSQL", partial(_postgres_room, server, Path(folder)), many)


def _compared(kind: str, make: Callable[[int], Postroom], many: int) -> Iterator[Figure]:
    rooms = {count: make(count) for count in (_FEW, many)}
    costs: dict[int, list[float]] = {count: [] for count in rooms}
    for number in range(_ROUNDS):
        for count, room in rooms.items():
            costs[count].append(_round(room, number))
    for room in rooms.values():
        room.database.close()
    cheap, dear = (median(each[1:]) for each in costs.values())  # the first round warms up
    yield Figure(f"{kind}, a mail with {_FEW:,} rows", cheap, "ms", "taken, taken apart, announced")
    yield Figure(f"{kind}, a mail with {many:,} rows", dear, "ms")
    yield Figure(f"{kind}, many against few", dear / cheap, "x", at_most=1.3)


def _postgres_room(server: Postgres, folder: Path, rows: int) -> Postroom:
    name = server.make_database(migrated)
    room = _room(folder / str(rows), server.url(name))
    for statement in (_MESSAGES, _DOCUMENTS, _SIGHTINGS):
        server.execute(statement, [rows], database=name)
    server.execute("VACUUM ANALYZE", database=name)
    return room


def sqlite_room(folder: Path, rows: int) -> Postroom:
    """Return the same with SQLite, whose UUIDs are hex digits and whose times are text."""
    place = folder / str(rows)
    place.mkdir()
    room = _room(place, fresh_sqlite(place))
    with closing(sqlite3.connect(place / "postroom.db")) as database, database:
        database.create_function("md5", 1, lambda text: hashlib.md5(text.encode()).hexdigest())
        database.create_function("now", 0, lambda: "2025-01-01 00:00:00.000000")
        for statement in (_MESSAGES, _DOCUMENTS, _SIGHTINGS):
            insert, _, select = statement.partition("SELECT")
            series = "WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < ?)"
            select = select.replace("generate_series(1, %s) AS n", "series")
            select = select.replace(_ID, "printf('%012x70008000%012x', 1700000000000 + n, n)")
            select = select.replace("n::text", "CAST(n AS text)")
            database.execute(f"{insert} {series} SELECT {select}", (rows,))
    return room


def _room(place: Path, url: str) -> Postroom:
    place.mkdir(exist_ok=True)
    return Postroom(place, database_url=url)


def _round(room: Postroom, number: int) -> float:
    """Return the milliseconds of a mail, out of many at once."""
    mails = [mail(f"<{number}.{each}@new.example>", po=PDF + bytes([number, each])) for each in range(_MAILS)]
    begun = time.perf_counter()
    tally = room.take_in(*mails)
    seconds = time.perf_counter() - begun
    assert (tally.taken, tally.documents) == (_MAILS, _MAILS), tally
    return seconds / _MAILS * 1000
