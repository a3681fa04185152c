"""The heartbeat: fresh while the service beats, stale when it hangs, gone when it stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from postroom.errors import FileFault, ServiceSilent
from postroom.fetcher.source import Batch, Memory
from postroom.jobs.embedded import EmbeddedRunner
from postroom.jobs.heartbeat import Heartbeat, beating, last_beat
from postroom.jobs.sd_notify import ServiceSupervisor
from tests.house import Clock as SetClock
from tests.house import Postroom
from tests.mailbox import MailboxInRam
from tests.servers.waiting import wait_until

NOBODY = ServiceSupervisor({})


def test_a_beat_says_who_gave_it_and_when(tmp_path: Path) -> None:
    clock = SetClock()

    with beating(tmp_path, command="run", now=clock, supervisor=NOBODY):
        clock.later(29)
        beat = last_beat(tmp_path, now=clock())

    assert (beat.command, beat.pid, beat.age.total_seconds()) == ("run", os.getpid(), 29)


def test_a_service_that_gave_no_sign_for_half_a_minute_is_silent(tmp_path: Path) -> None:
    clock = SetClock()

    with beating(tmp_path, command="run", now=clock, supervisor=NOBODY):
        clock.later(31)

        with pytest.raises(ServiceSilent) as silent:
            last_beat(tmp_path, now=clock())

    assert str(silent.value) == f"postroom run (pid {os.getpid()}) gave its last sign of life 31 s ago"


def test_a_beat_makes_it_fresh_again(tmp_path: Path) -> None:
    clock = SetClock()

    with beating(tmp_path, command="run", now=clock, supervisor=NOBODY) as heartbeat:
        clock.later(100)
        heartbeat.beat()
        beat = last_beat(tmp_path, now=clock())

    assert beat.age.total_seconds() == 0


def test_a_beat_from_the_future_is_no_sign_of_life(tmp_path: Path) -> None:
    clock = SetClock()

    with beating(tmp_path, command="run", now=clock, supervisor=NOBODY):
        clock.later(-3600)

        with pytest.raises(ServiceSilent):
            last_beat(tmp_path, now=clock())


def test_a_service_that_stopped_leaves_no_heartbeat(tmp_path: Path) -> None:
    with beating(tmp_path, command="run", now=SetClock(), supervisor=NOBODY):
        pass

    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ServiceSilent, match=rf"^no postroom runs on {tmp_path}$"):
        last_beat(tmp_path, now=SetClock()())


def test_the_heartbeat_of_a_killed_predecessor_is_not_taken_over(tmp_path: Path) -> None:
    (tmp_path / "heartbeat").write_text('{"pid": 1, "command": "worker"}', encoding="utf-8")

    with beating(tmp_path, command="run", now=SetClock(), supervisor=NOBODY):
        signed = json.loads((tmp_path / "heartbeat").read_text(encoding="utf-8"))

    assert signed == {"pid": os.getpid(), "command": "run"}


def test_a_heartbeat_that_somebody_removed_comes_back_with_the_next_beat(tmp_path: Path) -> None:
    clock = SetClock()
    with beating(tmp_path, command="run", now=clock, supervisor=NOBODY) as heartbeat:
        (tmp_path / "heartbeat").unlink()

        heartbeat.beat()

        assert last_beat(tmp_path, now=clock()).pid == os.getpid()


def test_a_heartbeat_that_is_no_heartbeat_names_nobody(tmp_path: Path) -> None:
    clock = SetClock()
    (tmp_path / "heartbeat").write_text("{", encoding="utf-8")
    os.utime(tmp_path / "heartbeat", (clock().timestamp(), clock().timestamp()))

    assert str(last_beat(tmp_path, now=clock())) == "postroom ? (pid 0)"


def test_a_state_dir_that_is_gone_is_named(tmp_path: Path) -> None:
    heartbeat = Heartbeat(tmp_path / "gone", command="run", now=SetClock(), supervisor=NOBODY)

    with pytest.raises(FileFault, match=r"cannot write .*/gone/heartbeat: No such file"):
        heartbeat.beat()


def test_the_clock_beats_on_while_its_sources_hang(postroom: Postroom) -> None:
    class Hanging(MailboxInRam):
        def batches(self, memory: Memory, *, limit: int, since: datetime | None = None) -> Iterator[Batch]:
            hung.append(self.name)
            postroom.house.stopping.wait(30)
            yield from super().batches(memory, limit=limit, since=since)

    beats, hung = list[str](), list[str]()
    kits = {name: postroom.kit(Hanging(name, postroom.folder / name)) for name in ("one", "two", "three")}
    runner = EmbeddedRunner(replace(postroom.house, sources=kits))
    runner.every(0.05, "heartbeat", lambda: beats.append("beat"))
    runner.start()

    try:
        wait_until(lambda: len(hung) == 3, "all sources hang")
        beats.clear()
        wait_until(lambda: len(beats) > 3, "the clock goes on beating")
    finally:
        runner.stop()
