"""Kills at random moments, and hosts that stand still for longer than their lease and then go on."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress
from threading import Event

from tests.crash.ledger import Post
from tests.crash.results import Result
from tests.crash.stages import LEASE_SECONDS, Host, Stage
from tests.crew import worker_processes
from tests.servers.waiting import wait_until

LONGEST_SECONDS = 0.5
_DRAINED_EACH = 10
_FROZEN_EACH = 25
_MAILS = (0, 1, 1, 2, 3)  # before one kill
_WORKERS_SECONDS = 1.0
_MANY_EACH = 10
_MANY = 12  # so that a host has its worker processes take them apart


def kill_at_random(stage: Stage, seed: int, kills: int) -> Result:
    """Kill hosts while mails come in, 1 to 500 ms after they began to start or to work; then count.

    Every tenth time there are many mails, and the worker processes that they call for die before their host.
    After each tenth kill all is drained, and the time is taken from the start to the end of that.
    """
    chance, post = random.Random(seed), Post(seed, largest_bytes=8_000, mixed=True)  # noqa: S311  (repeatable)
    recoveries, frozen = list[float](), 0
    for kill in range(1, kills + 1):
        victim = chance.choice(stage.hosts)
        has_many = kill % _MANY_EACH == 0
        _live(stage, victim, post, chance, mails=_MANY if has_many else chance.choice(_MAILS))
        if has_many:
            _kill_workers(victim)
            Event().wait(chance.uniform(0.001, LONGEST_SECONDS))
        if kill % _FROZEN_EACH == 0:
            frozen += _freeze(stage, victim, post)
        stage.kill(victim)
        if kill % _DRAINED_EACH == 0 or kill == kills:
            begun = time.monotonic()
            stage.drain()
            recoveries.append(time.monotonic() - begun)
    stage.kill_all()
    count = stage.count()
    count.kills = kills
    return Result(stage.cell, "random", seed, count, recoveries, frozen)


def _live(stage: Stage, victim: Host, post: Post, chance: random.Random, *, mails: int) -> None:
    """Let all hosts live, give them mails, and return when the victim is to die."""
    for host in stage.hosts:
        if host.pid is None:
            stage.start(host)
            if chance.random() < 0.5:  # half of the kills hit a start, half a service at work
                wait_until(lambda: host.is_up, f"{host.log} to tell of a start")  # noqa: B023  (called now)
    for _ in range(mails):
        stage.send(post.write())
    Event().wait(chance.uniform(0.001, LONGEST_SECONDS))


def _kill_workers(host: Host) -> None:
    """Kill the worker processes that a host has within a while, if it comes to have some."""
    assert host.pid is not None
    pid = host.pid
    with suppress(AssertionError):
        wait_until(lambda: bool(worker_processes(pid)), "worker processes", _WORKERS_SECONDS)
    for worker in worker_processes(pid):
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)


def _freeze(stage: Stage, victim: Host, post: Post) -> int:
    """Let a host stand still for longer than its lease while mails come in, and then go on."""
    assert victim.pid is not None
    os.kill(victim.pid, signal.SIGSTOP)
    for _ in range(3):
        stage.send(post.write())
    Event().wait(1.5 * LEASE_SECONDS)
    os.kill(victim.pid, signal.SIGCONT)
    Event().wait(LONGEST_SECONDS)
    return 1
