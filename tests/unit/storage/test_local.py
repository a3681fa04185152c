"""What the local store promises beyond the contract: whole files or none, and outages told from losses."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from postroom.errors import ObjectMissing, StoreUnavailable
from postroom.storage.local import LocalStore

DIGEST = hashlib.sha256(b"mail").hexdigest()


def test_an_object_is_one_plain_file_under_its_key(tmp_path: Path) -> None:
    LocalStore(tmp_path).put("org/raw/ab/abcd", b"mail")

    assert (tmp_path / "org/raw/ab/abcd").read_bytes() == b"mail"


def test_the_bytes_are_synced_before_the_name_and_the_name_before_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    real_fsync, real_rename = os.fsync, Path.rename

    def fsync(handle: int) -> None:
        order.append("fsync folder" if os.path.isdir(f"/proc/self/fd/{handle}") else "fsync file")  # noqa: PTH112  (a link that names an open file)
        real_fsync(handle)

    def rename(self: Path, target: Path) -> Path:
        order.append("rename")
        return real_rename(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "rename", rename)

    (tmp_path / "org").mkdir()
    LocalStore(tmp_path).put("org/mail", b"mail")

    assert order[-3:] == ["fsync file", "rename", "fsync folder"]


def test_a_write_that_fails_leaves_neither_a_half_object_nor_a_leftover(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    (tmp_path / "org" / "mail").mkdir(parents=True)

    with pytest.raises(StoreUnavailable, match="cannot write org/mail"):
        store.put("org/mail", b"mail")

    assert list((tmp_path / "org").iterdir()) == [tmp_path / "org" / "mail"]


def test_an_archive_that_is_not_mounted_is_an_outage_and_no_loss(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "not-mounted")

    with pytest.raises(StoreUnavailable):
        store.get("org/mail", DIGEST)


def test_an_object_missing_from_an_archive_that_is_there_is_a_loss(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)

    with pytest.raises(ObjectMissing):
        store.get("org/mail", DIGEST)
