"""The spool holds what was written, and no more once it is emptied."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import pytest

from postroom.errors import StoreUnavailable
from postroom.fetcher.spool import Spool


def test_a_spooled_mail_has_the_digest_of_its_bytes(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")

    spooled = spool.write([b"Subject: hello\r\n", b"\r\n"])

    assert spooled.path.read_bytes() == b"Subject: hello\r\n\r\n"
    assert (spooled.sha256, spooled.size_bytes) == (hashlib.sha256(b"Subject: hello\r\n\r\n").hexdigest(), 18)
    assert stat.S_IMODE(spooled.path.stat().st_mode) == 0o600


def test_an_emptied_spool_leaves_nothing_and_can_be_emptied_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.write([b"one"])
    spool.write([b"two"])

    spool.empty()
    spool.empty()

    assert list((tmp_path / "spool").iterdir()) == []


def test_the_files_of_a_batch_outlive_the_beginning_of_the_next_and_no_more(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    first = spool.write([b"one"]).path

    spool.begin_batch()
    second, is_there = spool.write([b"two"]).path, first.exists()
    spool.begin_batch()

    assert (is_there, first.exists(), second.exists()) == (True, False, True)


def test_a_file_that_was_written_ahead_belongs_to_the_next_batch(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    first, second, dropped = (spool.write([piece]).path for piece in (b"one", b"two", b"same"))

    spool.drop(dropped)
    spool.begin_batch({first})
    spool.begin_batch({second})

    assert (first.exists(), second.exists(), dropped.exists()) == (False, True, False)


def test_a_spool_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "spool").write_text("a file where the folder should be", encoding="ascii")

    with pytest.raises(StoreUnavailable, match=r"cannot write the spool .*/spool: Not a directory"):
        Spool(tmp_path / "spool").write([b"one"])
