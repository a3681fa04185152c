"""A kill at each system call in turn, kind by kind, while a few mails go their whole way."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterable

from tests.crash.counting import Count
from tests.crash.ledger import Post
from tests.crash.results import Result
from tests.crash.stages import Host, Stage
from tests.crash.tracing import traced

KINDS = ("fsync", "fdatasync", "rename", "link", "linkat", "unlink", "write", "pwrite64", "sendto", "connect")
_MOST = 400  # calls of one kind; more than a few mails need
_LONGEST_SECONDS = 60.0


def sweep_syscalls(stage: Stage, seed: int, kinds: Iterable[str] = KINDS) -> Result:
    """Kill the round that takes a mail from each source at its first call of a kind, its second, and so on.

    A kind is over when a round came to its end before so many calls.  Where the relay takes mail there is
    no round: there the service is killed, at the N-th call of whichever of its threads gets there first.
    """
    post, result = (
        Post(seed, largest_bytes=3_000, most_files=1),
        Result(stage.cell, "syscalls", seed, Count(0)),
    )
    stage.drain()
    kills = 0
    for kind in kinds:
        for number in range(1, _MOST):
            if not _killed(stage, post, f"{kind}:{number}"):
                break
            kills += 1
            begun = time.monotonic()
            stage.drain()
            result.recoveries.append(time.monotonic() - begun)
            result.reached.append(f"{kind}:{number}")
    stage.drain()
    for host in stage.hosts:
        stage.kill(host)
    result.count = stage.count()
    result.count.kills = kills
    return result


def _killed(stage: Stage, post: Post, kill_at: str) -> bool:
    """Let one host alone take new mails, and return whether it came to that call, and so to its death."""
    for host in stage.hosts:
        stage.kill(host)
    host, by_relay = stage.hosts[0], stage.cell.endswith("smtp")
    stage.sent += stage.way.send_to_each(0, post.write)
    words, sabotages = (["run"], []) if by_relay else (["fetch", "--once"], ["one thread"])
    trace = host.folder / "trace"
    kind, _, number = kill_at.partition(":")
    inject = f"{kind}:signal=KILL:when={number}"
    with traced(stage, host, words, trace, inject=inject, sabotages=sabotages) as pid:
        return _end(stage, host, pid, by_relay=by_relay) == -signal.SIGKILL


def _end(stage: Stage, host: Host, pid: int, *, by_relay: bool) -> int | None:
    """Return what a host ended with, None for a service that has done all there was and lives on."""
    deadline = time.monotonic() + _LONGEST_SECONDS
    while time.monotonic() < deadline:
        code = stage.nursery.wait(pid, 0.1)
        if code is not None:
            host.pid = None
            return code
        if by_relay and stage.is_drained():
            return None
    raise AssertionError(f"{stage.cell}: neither killed nor at its end after {_LONGEST_SECONDS} s")
