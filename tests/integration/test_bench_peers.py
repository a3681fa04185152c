"""A run of the bench beside peers, on a real Dovecot."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench.mails import mixed
from bench.peers.contest import Arena
from bench.peers.corpus import Corpus, write_corpus
from bench.peers.judging import NotCounted
from bench.peers.peer import Peer
from bench.peers.taking import RAW_FSYNC, TAKING
from tests.servers.dovecot import Dovecot

pytestmark = pytest.mark.dovecot


@pytest.fixture
def arena(dovecot: Dovecot) -> Iterator[Arena]:
    # Beside Dovecot's own folder, for the mailbox is filled by hard links, and its user must walk into it.
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        Path(folder).chmod(0o755)
        yield Arena(dovecot, Path(folder))


@pytest.fixture
def raw_fsync() -> Peer:
    return next(peer for peer in TAKING if peer.name == RAW_FSYNC)


@pytest.fixture
def corpus(arena: Arena) -> Corpus:
    return write_corpus("mixed", mixed(8), arena.folder / "corpus")


def test_a_peer_fetches_a_mailbox_of_its_own_and_leaves_nothing(
    arena: Arena, raw_fsync: Peer, corpus: Corpus
) -> None:
    cost = arena.run(raw_fsync, corpus, "bench-whole")

    assert cost.wall_seconds > 0
    assert not (arena.folder / "bench-whole").exists()
    assert not arena.dovecot.maildir("bench-whole").exists()


def test_a_run_that_left_less_than_was_sent_does_not_count(
    arena: Arena, raw_fsync: Peer, corpus: Corpus
) -> None:
    def lose_one(sent: Corpus, folder: Path) -> None:
        (folder / "out" / "3").unlink()
        raw_fsync.judge(sent, folder)

    with pytest.raises(NotCounted, match="1 of 8 mails are not there"):
        arena.run(replace(raw_fsync, judge=lose_one), corpus, "bench-less")
