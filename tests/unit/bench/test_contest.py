"""A contest is fair, and tells of everyone: who ran, who was not counted and why, who was not there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bench.mails import mixed
from bench.peers.contest import Contest, compete
from bench.peers.copying import MBSYNC
from bench.peers.corpus import Corpus, write_corpus
from bench.peers.judging import NotCounted
from bench.peers.peer import Account, Peer
from bench.peers.taking import POSTROOM
from bench.peers.targets import SPEED, Spread, Target, ratio, ratios, verdict
from bench.tree import Command, CommandFailed, Cost


def peer(name: str, needs: str = "") -> Peer:
    def prepare(_account: Account, folder: Path, _corpus: Corpus) -> Command:
        return Command(("true",), folder)

    return Peer(name, "copies", needs, "Debian: it", prepare, lambda _corpus, _folder: None)


def cost(wall_seconds: float, cpu_seconds: float = 1.0) -> Cost:
    return Cost(wall_seconds, cpu_seconds, 0.5, 40.0, 30.0)


def contest(corpus: Corpus, rounds: int = 3) -> Contest:
    return Contest("mixed", "embedded", len(corpus.entries), corpus.size_bytes, 1, 1, rounds)


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return write_corpus("mixed", mixed(2), tmp_path / "corpus")


def test_all_run_in_each_round_and_another_one_begins_it(corpus: Corpus) -> None:
    order: list[str] = []

    def run(one: Peer, _corpus: Corpus, _user: str) -> Cost:
        order.append(one.name)
        return cost(1.0)

    compete(run, [peer("a"), peer("b"), peer("c")], corpus, contest(corpus), lambda: None)

    assert "".join(order) == "abcbcacab"


@pytest.mark.parametrize(
    "fault", [NotCounted("1 of 2 mails are not there"), CommandFailed("it ended with 1")]
)
def test_a_run_that_does_not_count_has_no_figure_and_says_why(corpus: Corpus, fault: Exception) -> None:
    def run(_one: Peer, _corpus: Corpus, user: str) -> Cost:
        if user.startswith("mixed1"):
            raise fault
        return cost(1.0)

    held = contest(corpus)
    compete(run, [peer("a")], corpus, held, lambda: None)

    assert held.facts()["peers"]["a"]["faults"] == [f"round 2: {fault}"]
    assert len(held.facts()["peers"]["a"]["runs"]) == 2


def test_a_peer_that_is_not_there_is_named_as_skipped(
    corpus: Corpus, capsys: pytest.CaptureFixture[str]
) -> None:
    held = contest(corpus)

    compete(
        lambda *_: cost(1.0),
        [peer("a"), peer("b", "no-such-program"), peer("c", ":no_such_module")],
        corpus,
        held,
        lambda: None,
    )

    assert held.facts()["skipped"] == {
        "b": "needs no-such-program (Debian: it)",
        "c": "needs no_such_module (Debian: it)",
    }
    assert "SKIPPED b: needs no-such-program" in capsys.readouterr().out
    assert [*held.facts()["peers"]] == ["a"]


def test_ratios_are_of_the_same_round_and_their_median_counts(corpus: Corpus) -> None:
    held = contest(corpus)
    walls = {POSTROOM: iter([1.0, 2.0, 4.0]), MBSYNC: iter([3.0, 4.0, 4.0])}

    compete(
        lambda one, *_: cost(next(walls[one.name])),
        [peer(POSTROOM), peer(MBSYNC)],
        corpus,
        held,
        lambda: None,
    )

    assert ratio(held.facts(), SPEED, MBSYNC) == Spread(2.0, 1.0, 3.0)


def test_a_round_that_does_not_count_for_one_gives_no_ratio(corpus: Corpus) -> None:
    held, walls = contest(corpus), iter([3.0, 4.0, 5.0])

    def run(one: Peer, _corpus: Corpus, user: str) -> Cost:
        if one.name == MBSYNC:
            return cost(next(walls))
        if user.startswith("mixed0"):
            raise NotCounted("1 of 2 mails are not there")
        return cost(1.0)

    compete(run, [peer(MBSYNC), peer(POSTROOM)], corpus, held, lambda: None)

    assert ratio(held.facts(), SPEED, MBSYNC) == Spread(4.5, 4.0, 5.0)


def test_what_is_aimed_at_and_was_not_measured_is_told_too(corpus: Corpus) -> None:
    held = contest(corpus, rounds=1)
    compete(lambda *_: cost(1.0), [peer(POSTROOM)], corpus, held, lambda: None)

    told = {(measure, name): found for measure, name, found, _aim in ratios(held.facts())}

    assert told[SPEED, "mbsync, fsync"] is None
    assert told["memory", ""] == Spread(40.0, 40.0, 40.0)


@pytest.mark.parametrize(
    ("measure", "median", "words"),
    [
        ("speed", 1.0, "met"),
        ("speed", 0.99, "MISSED"),
        ("CPU", 1.0, "met"),
        ("CPU", 1.01, "MISSED"),
    ],
)
def test_a_target_is_met_or_missed(measure: str, median: float, words: str) -> None:
    assert verdict(Target("mixed", "embedded", measure, MBSYNC, 1.0), Spread(median, 0.1, 9.0)) == words


def test_a_target_that_was_not_measured_is_neither() -> None:
    assert verdict(Target("mixed", "embedded", "CPU", MBSYNC, 1.0), None) == "not measured"


def test_the_facts_of_a_contest_are_json(corpus: Corpus) -> None:
    held = contest(corpus, rounds=1)
    compete(lambda *_: cost(1.23456), [peer("a")], corpus, held, lambda: None)

    facts = json.loads(json.dumps(held.facts()))

    assert facts["peers"]["a"]["runs"][0]["wall_seconds"] == 1.235
