"""The fence lets pass what costs a tenth more than its record, and nothing above."""

from __future__ import annotations

import json

from bench.fence import RECORD, breaches

RECORDED = {"take in": 1_000, "announce": 200}


def test_what_costs_no_more_than_a_tenth_over_its_record_passes() -> None:
    assert breaches({"take in": 1_100, "announce": 1}, RECORDED) == []


def test_what_costs_more_is_named_with_both_figures() -> None:
    assert breaches({"take in": 1_101, "announce": 221}, RECORDED) == [
        "take in: 1,101 calls, recorded are 1,000",
        "announce: 221 calls, recorded are 200",
    ]


def test_a_path_that_nobody_recorded_is_a_breach() -> None:
    assert breaches({"take in": 1, "announce": 1, "route": 1}, RECORDED) == ["route has no record"]


def test_a_record_of_a_path_that_is_no_longer_measured_is_a_breach() -> None:
    assert breaches({"take in": 1_000}, RECORDED) == ["announce is recorded and was not measured"]


def test_every_record_names_the_same_paths() -> None:
    records = json.loads(RECORD.read_text(encoding="utf-8"))

    assert {tuple(sorted(figures)) for figures in records.values()} == {
        (
            "a round with nothing new",
            "announce a mail of many",
            "announce a single mail",
            "extract a mail of many",
            "extract a single mail",
            "modules of a round",
            "take a mail apart",
            "take in a mail of many",
            "take in a single mail",
        )
    }
