"""A kill at each system call in turn, kind by kind, while a few mails go their whole way."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterable

from tests.crash.counting import Count
from tests.crash.ledger import Post
from tests.crash.results import Result
from tests.crash.stages import Stage
from tests.crash.tracing import await_end, traced

KINDS = ("fsync", "fdatasync", "rename", "link", "linkat", "unlink", "write", "pwrite64", "sendto", "connect")
_MOST = 2_000  # calls of one kind; more than a few mails need
_TRIES = 5
_DONE, _NOT_ALL = 0, 75


def sweep_syscalls(stage: Stage, seed: int, kinds: Iterable[str] = KINDS) -> Result:
    """Kill the round that takes a mail from each source at its first call of a kind, its second, and so on.

    A kind is over when a round took all there was, and came to its end, before so many calls; one that ended
    otherwise is played again.  Where the relay takes mail there is no round: there the service is killed, at
    the N-th call of whichever of its threads gets there first.
    """
    post = Post(seed, largest_bytes=3_000, most_files=1)
    result = Result(stage.cell, "syscalls", seed, Count(0))
    stage.drain()
    for kind in kinds:
        _sweep(stage, post, result, kind)
    stage.drain()
    stage.kill_all()
    result.count = stage.count()
    result.count.kills = len(result.reached)
    return result


def _sweep(stage: Stage, post: Post, result: Result, kind: str) -> None:
    number, tries = 1, 0
    while number < _MOST and tries < _TRIES:
        code = _ended_with(stage, post, f"{kind}:{number}")
        if code == _DONE:
            return
        begun = time.monotonic()
        stage.drain()
        if code == -signal.SIGKILL:
            result.recoveries.append(time.monotonic() - begun)
            result.reached.append(f"{kind}:{number}")
            number, tries = number + 1, 0
        else:
            tries += 1
    result.breaches.append(f"{kind}: not to its end, at {number}")


def _ended_with(stage: Stage, post: Post, kill_at: str) -> int:
    """Let one host alone take new mails; return what it ended with, _DONE where it was killed at nothing."""
    stage.kill_all()
    host = stage.hosts[0]
    stage.sent += stage.way.send_to_each(0, post.write)
    words, sabotages = (["run"], []) if stage.by_relay else (["fetch", "--once"], ["one thread"])
    trace = host.folder / "trace"
    kind, _, number = kill_at.partition(":")
    inject = f"{kind}:signal=KILL:when={number}"
    with traced(stage, host, words, trace, inject=inject, sabotages=sabotages) as pid:
        code = await_end(stage, host, pid, is_done=lambda: stage.by_relay and stage.is_drained())
    if code is None:
        return _DONE
    return _NOT_ALL if code == _DONE and not stage.is_drained() else code
