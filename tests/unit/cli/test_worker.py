"""`postroom worker` works for other hosts, so it needs a database that has some."""

from __future__ import annotations

from tests.unit.cli.room import Room


def test_a_worker_without_other_hosts_is_refused_with_a_way_out(room: Room) -> None:
    answer = room.call("worker")

    assert answer.code == 64
    assert "a worker works for other hosts, and SQLite has none" in answer.err
    assert "on one host: postroom run" in answer.err
