"""A mailbox with a byte budget: the rest of its mail waits for the next day, and none is passed over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from postroom.core.limits import DEFAULT_LIMITS
from postroom.fetcher.imap import ImapSource
from tests.house import Postroom, open_postroom, postroom
from tests.mailbox import mail
from tests.servers.scripted_imap import ScriptedImap, scripted_imap

__all__ = ["open_postroom", "postroom"]

DAY = 86_400.0
SIZE = len(mail("<1@x>"))


@pytest.fixture
def server() -> Iterator[ScriptedImap]:
    with scripted_imap() as running:
        running.mails = {uid: mail(f"<{uid}@x>") for uid in range(1, 8)}
        yield running


def source(server: ScriptedImap, postroom: Postroom, spool: Path, bytes_per_day: int) -> ImapSource:
    settings = replace(server.mailbox, bytes_per_day=bytes_per_day)
    return ImapSource(settings, spool, DEFAULT_LIMITS, now=postroom.clock)


def test_each_day_brings_its_share_and_all_mail_comes_once(
    postroom: Postroom, server: ScriptedImap, tmp_path: Path
) -> None:
    taken = []
    for _day in range(3):
        for _poll in range(2):
            opened = source(server, postroom, tmp_path / "imap", 3 * SIZE)  # as after a restart
            taken.append(postroom.poll(opened).taken)
            opened.close()
        postroom.clock.later(DAY)

    assert taken == [3, 0, 3, 0, 1, 0]
    assert len(postroom.messages()) == 7


def test_a_mail_larger_than_a_days_share_comes_alone(
    postroom: Postroom, server: ScriptedImap, tmp_path: Path
) -> None:
    opened = source(server, postroom, tmp_path / "imap", 10)

    first = postroom.poll(opened)
    second = postroom.poll(opened)
    postroom.clock.later(DAY)
    third = postroom.poll(opened)

    opened.close()
    assert [first.taken, second.taken, third.taken] == [1, 0, 1]
