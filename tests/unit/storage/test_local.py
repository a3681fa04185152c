"""What the local store promises beyond the contract: whole files or none, and outages told from losses."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from postroom.errors import ObjectMissing, StoreUnavailable
from postroom.storage.local import LocalStore
from tests.footprint import growth_mb

DIGEST = hashlib.sha256(b"mail").hexdigest()


def test_an_object_is_one_plain_file_under_its_key(tmp_path: Path) -> None:
    LocalStore(tmp_path).put("org/raw/ab/abcd", b"mail")

    assert (tmp_path / "org/raw/ab/abcd").read_bytes() == b"mail"


def recorded(monkeypatch: pytest.MonkeyPatch, named: Callable[[str], str]) -> list[str]:
    """Return a list of what is synced and renamed from now on; `named` is told the link to an open file."""
    order: list[str] = []
    real_fsync, real_rename = os.fsync, Path.rename

    def fsync(handle: int) -> None:
        order.append(named(f"/proc/self/fd/{handle}"))
        real_fsync(handle)

    def rename(self: Path, target: Path) -> Path:
        order.append("rename")
        return real_rename(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "rename", rename)
    return order


def test_the_bytes_are_synced_before_the_name_and_the_name_before_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "org").mkdir()
    order = recorded(monkeypatch, lambda link: "fsync folder" if Path(link).is_dir() else "fsync file")

    LocalStore(tmp_path).put("org/mail", b"mail")

    assert order[-3:] == ["fsync file", "rename", "fsync folder"]


def test_files_that_are_adopted_are_synced_before_their_names_and_those_before_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").write_bytes(b"mail")
    (tmp_path / "b").write_bytes(b"mail too")
    store = LocalStore(tmp_path / "archive")
    store.put("org/1/first", b"makes the folders")
    store.put("org/2/first", b"makes the folders")
    order = recorded(monkeypatch, lambda link: str(Path(link).readlink()).removeprefix(f"{tmp_path}/"))

    adopted = store.adopt([("org/1/mail", tmp_path / "a"), ("org/2/mail", tmp_path / "b")])

    assert adopted == {"org/1/mail", "org/2/mail"}
    assert [step.rpartition("/")[0] for step in order[:2]] == ["archive/_drafts", "archive/_drafts"]
    assert order[2:4] == ["rename", "rename"]
    assert sorted(order[4:]) == ["archive/org/1", "archive/org/2"]


def test_more_files_are_adopted_than_a_process_may_hold_open(tmp_path: Path) -> None:
    files = [(f"org/{number}", tmp_path / str(number)) for number in range(600)]
    for _, path in files:
        path.write_bytes(path.name.encode())

    adopted = LocalStore(tmp_path / "archive").adopt(files)

    assert len(adopted) == 600
    assert (tmp_path / "archive/org/599").read_bytes() == b"599"


def test_a_write_that_fails_leaves_neither_a_half_object_nor_a_leftover(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    (tmp_path / "org" / "mail").mkdir(parents=True)

    with pytest.raises(StoreUnavailable, match="cannot write org/mail"):
        store.put("org/mail", b"mail")

    assert sorted(tmp_path.rglob("*")) == [tmp_path / "_drafts", tmp_path / "org", tmp_path / "org" / "mail"]


def test_the_draft_of_a_writer_that_was_killed_is_cleared(tmp_path: Path) -> None:
    script = f"""
import os, signal
from pathlib import Path
from postroom.storage.local import LocalStore
with LocalStore(Path({str(tmp_path)!r})).draft() as draft:
    draft.write(b"half a document")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", script], check=False)
    (leftover,) = (tmp_path / "_drafts").iterdir()

    LocalStore(tmp_path).tidy()

    assert not leftover.exists()


def test_a_file_of_our_own_becomes_the_object_without_being_copied(tmp_path: Path) -> None:
    spooled = tmp_path / "spooled"
    spooled.write_bytes(b"mail")

    adopted = LocalStore(tmp_path / "archive").adopt([("org/mail", spooled)])

    assert adopted == {"org/mail"}
    assert (tmp_path / "archive/org/mail").stat().st_ino == spooled.stat().st_ino
    assert list((tmp_path / "archive/_drafts").iterdir()) == []


def test_a_file_of_our_own_on_another_disk_is_left_to_be_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def elsewhere(*_names: object, **_more: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "link", elsewhere)
    spooled = tmp_path / "spooled"
    spooled.write_bytes(b"mail")

    adopted = LocalStore(tmp_path / "archive").adopt([("org/mail", spooled)])

    assert adopted == set()
    assert [path for path in (tmp_path / "archive").rglob("*") if path.is_file()] == []


def test_a_disk_that_is_full_when_a_draft_is_kept_is_an_outage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    (tmp_path / "_drafts").mkdir()

    with pytest.raises(StoreUnavailable, match="No space left on device") as outage:
        LocalStore(tmp_path).put("mail", b"mail")

    assert outage.value.fix == f"free some space on the disk that holds {tmp_path}"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_an_archive_that_is_not_mounted_is_an_outage_and_no_loss(tmp_path: Path) -> None:
    store = LocalStore(tmp_path / "not-mounted")

    with pytest.raises(StoreUnavailable):
        store.get("org/mail", DIGEST)


def test_an_object_missing_from_an_archive_that_is_there_is_a_loss(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)

    with pytest.raises(ObjectMissing):
        store.get("org/mail", DIGEST)


def test_a_big_object_costs_no_more_memory_than_its_blocks(tmp_path: Path) -> None:
    prepare = f"""
from postroom.storage.local import LocalStore
import hashlib
store = LocalStore(Path({str(tmp_path / "archive")!r}))
big, block, digest = Path({str(tmp_path / "big")!r}), bytes(range(256)) * 4096, hashlib.sha256()
with big.open("wb") as file:
    for _ in range(100):
        digest.update(block)
        file.write(block)
"""
    work = """
store.put_file("file", big, digest.hexdigest())
with store.draft() as draft:
    for _ in range(100):
        draft.write(block)
    draft.keep("draft")
with store.opened("draft", digest.hexdigest()) as view:
    assert view[-1] == 255 and len(view) == 100 * 2**20
"""

    grown = growth_mb(prepare, work)

    assert grown <= 16
