"""The campaign's own check can tell a copy that was overtaken from an object that nobody should have."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.crash.counting import announced, check_rows
from tests.crash.ledger import Post

ACME, BETA = UUID(int=1), UUID(int=2)
TABLES = """
    CREATE TABLE org (id, slug); CREATE TABLE quarantine (raw_key); CREATE TABLE work (message_id);
    CREATE TABLE sighting (settled_at); CREATE TABLE outbox (id, announced_at);
    CREATE TABLE document (message_id, sha256, object_key);
    CREATE TABLE inbound_message (id, org_id, status, raw_key, raw_sha256, source_message_id);
"""


@dataclass(frozen=True, slots=True)
class Shelf:
    objects: dict[str, bytes]

    def keys(self) -> set[str]:
        return set(self.objects)

    def read(self, key: str) -> bytes | None:
        return self.objects.get(key)


@pytest.mark.parametrize(
    ("room", "is_whole", "faults"),
    [
        pytest.param(ACME, True, {}, id="its own org's"),
        pytest.param(BETA, True, {"strangers": 1}, id="another org's"),
        pytest.param(ACME, False, {"strangers": 1}, id="cut short"),
    ],
)
def test_an_object_without_a_row_is_no_fault_only_where_it_carries_a_mail_for_its_own_org(
    room: UUID, *, is_whole: bool, faults: dict[str, int]
) -> None:
    mail = next(mail for mail in iter(Post(1).write, None) if mail.org == "acme")
    copy = b"Received: from another client\r\n" + mail.raw
    archive = Shelf({f"{room}/raw/00/00": copy if is_whole else copy[:-9]})

    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(TABLES)
        orgs = [(str(ACME), "acme"), (str(BETA), "beta")]
        database.executemany("INSERT INTO org VALUES (?, ?)", orgs)

        def rows(query: str, *values: object) -> list[Any]:
            return database.execute(query, values).fetchall()

        found = check_rows(rows, archive, [mail])

    assert found.orphans == 1
    assert found.faults() == {"lost": 1, **faults}


def test_a_line_that_was_cut_off_is_no_announcement_and_hides_none_behind_it(tmp_path: Path) -> None:
    log = tmp_path / "log"
    line = '{"timestamp": "2026-02-01T10:00:00Z", "level": "info", "event": "announced", "event_id": "%s"}\n'
    cut = (line % "lost")[:-9]

    log.write_text(line % "a" + cut + line % "b" + cut, encoding="utf-8")

    assert list(announced([log])) == ["a", "b"]
