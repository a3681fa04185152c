"""Rows and objects are compared in the order of their keys, whatever their number, in a few megabytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.db.values import Wanted
from postroom.pipeline.reckoning import in_pairs
from postroom.storage.store import Stored
from tests.footprint import growth_mb

_PREPARE = """
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from sqlalchemy import text
from postroom.db.audit import SqlAudit
from postroom.db.engine import open_database
from postroom.db.orgs import SqlDirectory
from postroom.pipeline.reckoning import Reckoner, Room
from postroom.storage.store import Stored
from tests.databases import every_row, fresh_sqlite

NOW = datetime(2025, 3, 4, tzinfo=UTC)
folder = tempfile.TemporaryDirectory()
database = open_database(fresh_sqlite(Path(folder.name)))
org = SqlDirectory(database).add("acme", NOW).id
books = SqlAudit(database)

def fill(rows):
    with every_row(database) as connection:
        connection.execute(text('''
            WITH RECURSIVE mails(n, sha256) AS (
                SELECT 1, lower(hex(randomblob(32)))
                UNION ALL SELECT n + 1, lower(hex(randomblob(32))) FROM mails WHERE n < :rows)
            INSERT INTO inbound_message (org_id, id, source, source_message_id, recipient, received_at,
                size_bytes, raw_key, raw_sha256, content_sha256, conflict, status, attempts, created_at,
                updated_at)
            SELECT :hex, lower(hex(randomblob(16))), 'EMAIL', sha256, 'r', :now, 1,
                :org || '/raw/' || substr(sha256, 1, 2) || '/' || sha256, sha256, 'c', 0, 'parsed', 1, :now,
                :now FROM mails
        '''), {"rows": rows, "hex": org.hex, "org": str(org), "now": "2025-03-04 00:00:00.000000"})

class Listing:
    # A page of keys at a time, as an S3 service gives them, without a file for each.
    def listed(self, folder):
        if folder.endswith("raw"):
            yield from (Stored(wanted.key, 1) for wanted in books.raws_wanted(org))

def audit():
    reckoner = Reckoner(books, Listing(), deep=False)
    found = list(reckoner.findings(Room(org, "acme", str(org))))
    return found, reckoner.counts.objects

fill(5000)
assert audit() == ([], 5000)
fill(25_000)
"""


@pytest.mark.timeout(180)
def test_an_audit_of_thirty_thousand_rows_takes_no_more_memory_than_one_of_a_few() -> None:
    assert growth_mb(_PREPARE, "assert audit() == ([], 30_000)") <= 4


def wanted(*keys: str) -> list[Wanted]:
    return [Wanted(key, "", 1, number) for number, key in enumerate(keys)]


def test_each_row_meets_its_object_and_each_object_without_a_row_is_met_alone() -> None:
    rows = wanted("b", "c", "c", "e")

    pairs = in_pairs(iter(rows), iter([Stored(key, 1) for key in "abcdf"]))

    assert [(row and row.key, stored and stored.key) for row, stored in pairs] == [
        (None, "a"),
        ("b", "b"),
        ("c", "c"),
        ("c", "c"),
        (None, "d"),
        ("e", None),
        (None, "f"),
    ]


@given(st.lists(st.integers(0, 20)), st.sets(st.integers(0, 20)))
def test_nothing_is_passed_over_whatever_is_missing_on_either_side(
    rows: list[int], objects: set[int]
) -> None:
    keys = [f"{number:02}" for number in sorted(rows)]
    stored = [Stored(f"{number:02}", 1) for number in sorted(objects)]

    pairs = list(in_pairs(iter(wanted(*keys)), iter(stored)))

    assert [row.key for row, _ in pairs if row] == keys
    assert {row.key for row, found in pairs if row and not found} == set(keys) - {each.key for each in stored}
    assert [found.key for row, found in pairs if found and not row] == [
        each.key for each in stored if each.key not in keys
    ]
