"""What postroom costs when nothing comes: a `fetch --once` from cron, and a `run` with twenty mailboxes.

Beside them, how long an MTA waits for one mail to be delivered by the pipe.

python -m bench.idle [--boxes 20] [--seconds 60] [--rounds 5] [--json FILE]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Final

from bench import mails
from bench.peers.contest import Arena
from bench.peers.corpus import PASSWORD, fill, write_corpus
from bench.peers.peer import Account
from bench.peers.taking import configuration, fetch_once, postroom
from bench.report import Figure, median, told
from bench.service import service
from bench.tree import Command, cost_of, cpu_seconds, pss_mb, rss_mb
from postroom import maildir
from tests.command import ENVIRONMENT
from tests.servers.dovecot import Dovecot
from tests.servers.waiting import wait_until

_KNOWN: Final = 1_000
_STARTS: Final = 15
_WARM_SECONDS: Final = 20.0  # the first polls of all mailboxes are over


def nothing_new(asked: argparse.Namespace) -> Iterator[Figure]:
    """Yield what `fetch --once` costs that finds a mailbox of known mails."""
    with Arena.opened() as arena:
        corpus = write_corpus("small", mails.small(_KNOWN), arena.folder / "corpus")
        fill(arena.dovecot, "known", corpus)
        folder = arena.folder / "known"
        folder.mkdir()
        first = postroom(Account(arena.dovecot.port, "known", PASSWORD), folder, corpus)
        cost_of(first)
        again = Command(fetch_once(folder / "postroom.toml", _KNOWN), folder, environ=ENVIRONMENT)
        costs = [cost_of(again) for _ in range(asked.rounds)]
    note = f"median of {asked.rounds}; {_KNOWN:,} known mails, SQLite and files"
    cpu = median([cost.cpu_seconds for cost in costs])
    yield Figure("fetch --once, nothing new, CPU", cpu, "s", note, at_most=1.0)
    yield Figure("fetch --once, nothing new, wall", median([cost.wall_seconds for cost in costs]), "s")
    yield Figure("fetch --once, nothing new, memory", max(cost.rss_mb for cost in costs), "MB")


def start_of_deliver(_asked: argparse.Namespace) -> Iterator[Figure]:
    """Yield how long an MTA waits for `postroom deliver`, from its start to its end."""
    with tempfile.TemporaryDirectory(prefix="bench-idle-") as made:
        folder = Path(made)
        maildir.create(folder / "Maildir")
        mail = folder / "mail.eml"
        mail.write_bytes(next(iter(mails.small(1))).raw)
        command = [sys.executable, "-m", "postroom", "deliver", "--maildir", str(folder / "Maildir")]
        seconds = []
        for _ in range(_STARTS):
            with mail.open("rb") as content:
                started = time.perf_counter()
                subprocess.run(
                    [*command, "--recipient", "orders+acme@intake.example"],
                    stdin=content,
                    check=True,
                    env=ENVIRONMENT,
                )
                seconds.append(time.perf_counter() - started)
    note = f"median of {_STARTS}; the mail is durable"
    yield Figure("deliver, wall", median(seconds) * 1e3, "ms", note, at_most=150.0)


def idle_run(asked: argparse.Namespace) -> Iterator[Figure]:
    """Yield what a service costs whose mailboxes stay empty: polled once a minute, in IDLE between."""
    with Arena.opened() as arena:
        names = [f"box{number}" for number in range(asked.boxes)]
        for name in names:
            arena.dovecot.add_user(name, PASSWORD)
        config = _written(arena.folder / "postroom.toml", arena.dovecot, names)
        with service(config) as process:
            wait_until(lambda: _logins(arena.dovecot) >= asked.boxes, "a login into each mailbox", 120)
            pause = Event()
            pause.wait(_WARM_SECONDS)
            before, server = cpu_seconds(process.pid), cpu_seconds(arena.dovecot.pid)
            pause.wait(asked.seconds)
            share = (cpu_seconds(process.pid) - before) / asked.seconds * 100
            theirs = (cpu_seconds(arena.dovecot.pid) - server) / asked.seconds * 100
            resident, own = rss_mb(process.pid), pss_mb(process.pid)
    note = f"{asked.boxes} empty mailboxes, poll 60 s and IDLE, over {asked.seconds:g} s"
    yield Figure("idle run, CPU", share, "% of a core", note, at_most=0.5)
    yield Figure("idle run, memory", resident, "MB", "the process and all below it", at_most=80.0)
    yield Figure("idle run, memory, PSS", own, "MB", "pages that processes share counted once")
    yield Figure("idle run, Dovecot's CPU", theirs, "% of a core")


def _written(config: Path, dovecot: Dovecot, names: list[str]) -> Path:
    text = configuration(Account(dovecot.port, names[0], PASSWORD), config.parent / "state")
    for name in names[1:]:
        text += (
            f'[mailbox.{name}]\nhost = "127.0.0.1"\nport = {dovecot.port}\ntls = "off"\nuser = "{name}"\n'
            f'password = "{PASSWORD}"\nsince = "all"\n'
        )
    config.touch(0o600)
    config.write_text(text, encoding="utf-8")
    return config


def _logins(dovecot: Dovecot) -> int:
    return dovecot.log().count("Login: user=<")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.idle", description=__doc__)
    parser.add_argument("--boxes", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the figures there too")
    asked = parser.parse_args()
    told((figure for part in (nothing_new, start_of_deliver, idle_run) for figure in part(asked)), asked.json)


if __name__ == "__main__":
    main()
