"""How mails are made durable: many share one sync of the folder, and one that fails is no other's trouble."""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.servers.relay import TO_ACME, TO_BETA, RunningRelay, running_relay

MAIL = b"Subject: a\r\n\r\nb\r\n.\r\n"


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[RunningRelay]:
    with running_relay(tmp_path / "Maildir") as running:
        yield running


class Disk:
    """os.fsync, which waits for the first folder until it is let go, and counts the folders."""

    def __init__(self) -> None:
        self.folders = 0
        self.reached, self.go_on = threading.Event(), threading.Event()
        self._fsync = os.fsync

    def fsync(self, handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            self.folders += 1
            self.reached.set()
            assert self.go_on.wait(20)
        self._fsync(handle)


def test_the_mails_of_many_sessions_share_one_sync_of_the_folder(
    relay: RunningRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk()
    with relay.dialogue() as first, relay.dialogue() as idle, ExitStack() as stack:
        others = [stack.enter_context(relay.dialogue()) for _ in range(20)]
        for dialogue in (first, *others):
            dialogue.begin()
        monkeypatch.setattr(os, "fsync", disk.fsync)

        first.send(MAIL)
        assert disk.reached.wait(20)
        for dialogue in others:
            dialogue.send(MAIL)
        for _ in range(5):  # the relay has turned round, and read what was sent before
            idle.say("NOOP")
        disk.go_on.set()
        said = [dialogue.read()[:9] for dialogue in (first, *others)]

    assert said == ["250 2.0.0"] * 21
    assert len(relay.mails()) == 21
    assert disk.folders <= 5  # three that began at once, and the rest together


def test_over_lmtp_one_copy_that_fails_is_put_off_and_the_other_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync, failed = os.fsync, threading.Lock()

    def fail_once(handle: int) -> None:
        if not stat.S_ISDIR(os.fstat(handle).st_mode) and failed.acquire(blocking=False):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        fsync(handle)

    with (
        running_relay(tmp_path / "Maildir", lmtp=True) as relay,
        relay.dialogue(greeted=False) as dialogue,
    ):
        dialogue.read()
        dialogue.say("LHLO client.example")
        dialogue.begin(TO_ACME, TO_BETA)
        monkeypatch.setattr(os, "fsync", fail_once)
        dialogue.send(MAIL)
        said = sorted(dialogue.read()[:9] for _ in range(2))

        assert said == ["250 2.0.0", "451 4.3.0"]
        assert len(relay.mails()) == 1
        assert relay.leftovers() == []


def test_a_client_that_leaves_before_its_reply_may_find_its_mail_there_whole(
    relay: RunningRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk()
    monkeypatch.setattr(os, "fsync", disk.fsync)
    with relay.dialogue() as dialogue:
        dialogue.begin()
        dialogue.send(MAIL)
        assert disk.reached.wait(20)
    disk.go_on.set()

    with relay.dialogue() as dialogue:
        dialogue.begin()
        dialogue.send(MAIL)
        said = dialogue.read()[:9]

    assert said == "250 2.0.0"
    assert [mail.endswith(b"Subject: a\r\n\r\nb\r\n") for mail in relay.mails()] == [True, True]
