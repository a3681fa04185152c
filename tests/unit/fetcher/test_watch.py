"""A delivery wakes whoever watches; reading and settling do not."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from postroom import maildir
from postroom.errors import MaildirUnusable
from postroom.fetcher.watch import watch


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    maildir.create(tmp_path / "Maildir")
    return tmp_path / "Maildir"


def test_a_delivery_wakes(folder: Path) -> None:
    woken = threading.Event()
    watcher = watch([folder / "new"], woken.set)

    maildir.deliver(folder, b"Subject: hello\n\n")

    assert woken.wait(10)
    watcher.close()


def test_reading_and_removing_do_not_wake(folder: Path) -> None:
    name = maildir.deliver(folder, b"Subject: hello\n\n")
    wakes: list[str] = []
    woken = threading.Event()

    def wake() -> None:
        wakes.append("woken")
        woken.set()

    watcher = watch([folder / "new"], wake)

    (folder / "new" / name).read_bytes()
    (folder / "new" / name).rename(folder / "cur" / f"{name}:2,S")
    maildir.deliver(folder, b"Subject: a later one, after which all before it was told\n\n")

    assert woken.wait(10)
    watcher.close()
    assert wakes == ["woken"]


def test_a_closed_watcher_is_silent_and_can_be_closed_again(folder: Path) -> None:
    woken = threading.Event()
    watcher = watch([folder / "new"], woken.set)

    watcher.close()
    watcher.close()
    maildir.deliver(folder, b"Subject: hello\n\n")

    assert not woken.is_set()


def test_a_folder_that_cannot_be_watched_is_named(folder: Path) -> None:
    with pytest.raises(MaildirUnusable, match=r"cannot watch .*/missing: No such file or directory"):
        watch([folder / "new", folder / "missing"], lambda: None)
