"""`--profile` says where the time of a round went, down to the last bit of it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from postroom.stages import ELSE, STAGES
from postroom.web.metrics import STAGE_DURATION
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
    assert took / 2 < told["seconds"] - start <= took
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


def test_a_file_for_prometheus_has_the_same_figures_as_a_metric(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = room.folder / "postroom.prom"
    monkeypatch.setenv("POSTROOM_PROFILE", str(target))
    room.deliver(number=1)
    room.deliver(number=2)

    answer = room.call("fetch", "--once")

    (metric,) = text_string_to_metric_families(target.read_text(encoding="utf-8"))
    told = {(each.name, each.labels["track"], each.labels["stage"]): each.value for each in metric.samples}
    assert (answer.code, metric.name, metric.type) == (0, STAGE_DURATION, "summary")
    assert {stage for _, _, stage in told} <= {*STAGES, ELSE}
    assert told[f"{STAGE_DURATION}_count", "workers", "take apart"] == 2
    assert told[f"{STAGE_DURATION}_count", "main", "commit"] == 1
    assert told[f"{STAGE_DURATION}_sum", "main", "commit"] > 0
    assert target.stat().st_mode & 0o777 == 0o644
    assert list(target.parent.glob("postroom.prom*")) == [target]


def test_nothing_is_said_that_nobody_asked_for(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTROOM_PROFILE", "0")

    assert "Where the time went" not in room.call("fetch", "--once").err


@pytest.mark.parametrize("name", ["profile.json", "postroom.prom"])
def test_a_file_that_cannot_be_written_is_named(
    name: str, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTROOM_PROFILE", str(room.folder / "nowhere" / name))

    answer = room.call("fetch", "--once")

    assert answer.code == 74
    assert f"nowhere/{name}: No such file or directory" in answer.err


def test_a_file_that_cannot_be_written_hides_no_other_trouble(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTROOM_PROFILE", str(room.folder / "nowhere/profile.json"))

    answer = room.call("fetch", "--once", "nobody")

    assert answer.code == 64
    assert 'there is no source "nobody"' in answer.err


def test_every_stage_has_a_line_in_the_reference() -> None:
    text = REFERENCE.read_text(encoding="utf-8").partition("## Where the time goes")[2]

    assert [name for name in (*STAGES, ELSE) if f"| `{name}` |" not in text] == []
    assert [what for what in STAGES.values() if what not in text] == []
