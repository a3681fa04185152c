"""`--profile` says where the time of a round went, down to the last bit of it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from postroom.stages import ELSE, STAGES
from tests.unit.cli.room import Room

REFERENCE = Path(__file__).parents[3] / "docs/reference/cli.md"


def test_the_stages_of_a_round_add_up_to_the_time_that_it_took(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = room.folder / "profile.json"
    monkeypatch.setenv("POSTROOM_PROFILE", str(target))
    room.deliver(number=1)
    room.deliver(number=2)

    began = time.perf_counter()
    answer = room.call("fetch", "--once")
    took = time.perf_counter() - began

    told = json.loads(target.read_text(encoding="utf-8"))
    mine = [row for row in told["stages"] if row["track"] == "main"]
    start = next(row["seconds"] for row in mine if row["stage"] == "start")
    assert answer.code == 0
    assert told["mails"] == 2
    assert told["seconds"] == pytest.approx(sum(row["seconds"] for row in mine))
    assert 0 < told["seconds"] - start <= took
    assert {row["stage"] for row in told["stages"]} <= {*STAGES, ELSE}


def test_the_option_says_it_on_standard_error(room: Room) -> None:
    room.deliver()

    answer = room.call("fetch", "--once", "--profile", "--json")

    lines = answer.err.splitlines()
    assert [line for line in lines if line.startswith("Where the time went: 1 mails taken apart in ")]
    assert [line.split()[:2] for line in lines if line.startswith("workers")] == [
        ["workers", "read"],
        ["workers", "take"],
        ["workers", "else"],
        ["workers", "together"],
    ]
    assert json.loads(answer.out)["documents"] == 1


def test_nothing_is_said_that_nobody_asked_for(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTROOM_PROFILE", "0")

    assert "Where the time went" not in room.call("fetch", "--once").err


def test_a_file_that_cannot_be_written_is_named(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTROOM_PROFILE", str(room.folder / "nowhere/profile.json"))

    answer = room.call("fetch", "--once")

    assert answer.code == 74
    assert "nowhere/profile.json: No such file or directory" in answer.err


def test_every_stage_has_a_line_in_the_reference() -> None:
    text = REFERENCE.read_text(encoding="utf-8").partition("## Where the time goes")[2]

    assert [name for name in (*STAGES, ELSE) if f"| `{name}` |" not in text] == []
    assert [what for what in STAGES.values() if what not in text] == []
