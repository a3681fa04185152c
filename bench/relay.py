"""The relay beside Postfix -> Maildir, same disk, same client, same run, in turn: `make bench-relay`.

python -m bench.relay [--mails 2000] [--rounds 3] [--json FILE]

Only the ratios mean anything on a machine that others use too; they are taken round by round.  Root is needed
for Postfix.
"""

from __future__ import annotations

import argparse
import os
import pwd
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.latency import delays
from bench.mails import ADDRESS, ORGS, Mail, orders
from bench.report import Figure, median, percentile, told
from bench.smtp_client import RECIPIENT, send
from bench.tree import cpu_seconds, rss_mb
from tests.servers.fixtures import running_postfix
from tests.servers.postfix import USER, smtp_source
from tests.servers.relay_process import relay_process
from tests.servers.waiting import free_port, wait_until

_SOURCE, _CLIENT, _KEPT = "smtp-source", "the bench's client", "kept connections"
_LOADS: Final = (
    (_SOURCE, 1),
    (_SOURCE, 100),
    (_SOURCE, 500),
    (_CLIENT, 1),
    (_CLIENT, 100),
    (_CLIENT, 500),
    (_CLIENT, 1000),
    (_KEPT, 100),
)
# The relay's mails a second divided by Postfix's, and its p95.
_FASTER: Final = {(_SOURCE, 100): 1.3, (_CLIENT, 1000): 3.0, (_KEPT, 100): 3.5}
_SOONER: Final = {(_CLIENT, 100): 0.75, (_CLIENT, 1000): 0.35}
_MOST_MB: Final = 120.0
_MOST_MS: Final = 250.0


@dataclass(frozen=True, slots=True)
class Server:
    """Who takes mail: its port, the folder its mails end in, and its first process."""

    name: str
    port: int
    new: Path
    pid: Callable[[], int]

    def delivered(self) -> int:
        return len(os.listdir(self.new)) if self.new.is_dir() else 0  # noqa: PTH208  (names only: fast)

    def clear(self) -> None:
        """Put the mails aside.

        Not deleted: an ext4 without a journal looks at each lately deleted file's place before it makes a new
        one, and that would come to be more than half of what a mail costs the system.
        """
        if self.new.is_dir():
            aside = self.new.with_name("aside")
            aside.mkdir(exist_ok=True)
            for path in self.new.iterdir():
                path.rename(aside / path.name)


@dataclass(frozen=True, slots=True)
class Run:
    """What one load came to at one server: mails that lay in `new/` a second, and what they cost it."""

    rate: float
    waits_ms: Sequence[float] | None  # p50, p95, p99; smtp-source tells none
    cpu_ms: float
    memory_mb: float
    refused: int


_MAIN = """
virtual_mailbox_domains = in.example
virtual_mailbox_base = {mail}
virtual_mailbox_maps = static:inbox/
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
smtpd_relay_restrictions = permit_mynetworks, reject
default_process_limit = 1100
smtpd_client_connection_count_limit = 0
smtpd_client_event_limit_exceptions = static:all
virtual_mailbox_limit = 0
"""


def beside_postfix(root: Path, asked: argparse.Namespace) -> Iterator[Figure]:
    """Measure both servers with each load, round by round; in each round another one begins."""
    peaks: list[float] = []
    with ExitStack() as running:
        servers = (_relay(running, root / "relay"), _postfix(running, root / "postfix"))
        for load, sessions in _LOADS:
            mails = max(100, asked.mails // 10) if sessions == 1 else asked.mails
            runs: dict[str, list[Run]] = {server.name: [] for server in servers}
            for number in range(asked.rounds):
                for server in servers[:: -1 if number % 2 else 1]:
                    runs[server.name].append(_measured(server, load, sessions, mails))
            ours, theirs = runs["relay"], runs["postfix"]
            peaks += [run.memory_mb for run in ours]
            yield from _figures(load, sessions, ours, theirs)
    note = "the most after any load; of each process below the first what it has for itself"
    yield Figure("relay, memory", max(peaks), "MB", note, at_most=_MOST_MB)


def _figures(load: str, sessions: int, ours: Sequence[Run], theirs: Sequence[Run]) -> Iterator[Figure]:
    name = f"{load}, {sessions:,} session{'s' * (sessions > 1)}"
    yield Figure(name, median([run.rate for run in ours]), "mails/s", _costs(ours, theirs))
    faster = [one.rate / other.rate for one, other in zip(ours, theirs, strict=True)]
    least = _FASTER.get((load, sessions))
    yield Figure(f"{name}, beside Postfix", median(faster), "x", _spread(faster), at_least=least)
    if load == _SOURCE:
        return
    yield Figure(f"{name}, p95", _wait(ours, 1), "ms", _other_waits(ours, theirs))
    sooner = [_wait([one], 1) / _wait([other], 1) for one, other in zip(ours, theirs, strict=True)]
    most = _SOONER.get((load, sessions))
    yield Figure(f"{name}, p95 beside Postfix", median(sooner), "x", _spread(sooner), at_most=most)


def _costs(ours: Sequence[Run], theirs: Sequence[Run]) -> str:
    def of(runs: Sequence[Run]) -> str:
        cpu, memory = median([run.cpu_ms for run in runs]), max(run.memory_mb for run in runs)
        refused = sum(run.refused for run in runs)
        return f"{cpu:.1f} ms of CPU a mail, {memory:.0f} MB" + (f", {refused} refused" if refused else "")

    rates = [run.rate for run in ours]
    postfix = f"Postfix {median([run.rate for run in theirs]):.0f}: {of(theirs)}"
    return f"{min(rates):.0f} to {max(rates):.0f}; {of(ours)}; {postfix}"


def _other_waits(ours: Sequence[Run], theirs: Sequence[Run]) -> str:
    postfix = ", ".join(f"{_wait(theirs, which):.0f}" for which in range(3))
    return f"p50 {_wait(ours, 0):.0f}, p99 {_wait(ours, 2):.0f}; Postfix p50, p95, p99: {postfix}"


def _wait(runs: Sequence[Run], which: int) -> float:
    return median([run.waits_ms[which] for run in runs if run.waits_ms])


def _spread(ratios: Sequence[float]) -> str:
    return f"{min(ratios):.2f} to {max(ratios):.2f}"


def _relay(running: ExitStack, folder: Path) -> Server:
    folder.mkdir()
    process = running.enter_context(relay_process(folder, "sessions = 2000"))
    process.stop()  # what made the schema at the first start is no part of a relay's memory
    process.start()
    return Server("relay", process.port, process.maildir / "new", lambda: process.pid)


def _postfix(running: ExitStack, folder: Path) -> Server:
    folder.mkdir()
    folder.chmod(0o755)
    owner, mail = pwd.getpwnam(USER), folder / "mail"
    mail.mkdir()
    os.chown(mail, owner.pw_uid, owner.pw_gid)
    main = _MAIN.format(mail=mail, uid=owner.pw_uid, gid=owner.pw_gid)
    server = running.enter_context(running_postfix(folder, main=main))
    master = folder / "spool" / "pid" / "master.pid"
    return Server("postfix", server.port, mail / "inbox" / "new", lambda: int(master.read_text()))


def _measured(server: Server, load: str, sessions: int, mails: int) -> Run:
    server.clear()
    os.sync()
    cpu, started, seconds, refused = cpu_seconds(server.pid()), time.perf_counter(), list[float](), 0
    if load == _SOURCE:
        smtp_source(server.port, RECIPIENT, mails=mails, sessions=sessions, length=10_240)
    else:
        sent = send(server.port, mails=mails, sessions=sessions, kept=load == _KEPT)
        seconds, refused = sent.seconds, len(sent.refusals)
    memory = rss_mb(server.pid())
    wait_until(lambda: server.delivered() >= mails - refused, "all mails to be delivered", 300)
    took = time.perf_counter() - started
    waits = [percentile(seconds, share) * 1e3 for share in (0.50, 0.95, 0.99)] if seconds else None
    cost = (cpu_seconds(server.pid()) - cpu) / mails * 1e3
    return Run((mails - refused) / took, waits, cost, memory, refused)


def to_a_row(root: Path, *, mails: int, pause_seconds: float) -> Iterator[Figure]:
    """Let `postroom run` with [relay] work; yield how long it takes from smtp-source to a document's row."""
    root.mkdir()
    config, port, rate = root / "postroom.toml", free_port(), 1 / pause_seconds
    sections = "".join(f"[org.{org}]\n" for org in ORGS) + f'[relay]\nlisten = "127.0.0.1:{port}"\n'
    config.write_text(f'state_dir = "{root}/state"\n[orgs]\naddress = "{ADDRESS}"\n{sections}')

    def send_one(mail: Mail) -> None:
        file = root / "mail.eml"
        file.write_bytes(mail.raw.replace(b"\r\n", b"\n"))  # smtp-source puts CR LF at the end of each line
        smtp_source(port, ADDRESS.format(org=mail.org), mails=1, file=file)

    took = delays(config, list(orders(mails)), send_one, rate)
    note = f"{mails} mails, {rate:.0f} a second; from the start of a process of smtp-source each"
    for share in (0.50, 0.95, 0.99):
        most = _MOST_MS if share == 0.95 else None
        yield Figure(f"SMTP to row, p{share * 100:.0f}", percentile(took, share) * 1e3, "ms", note, most)


def _all(root: Path, asked: argparse.Namespace) -> Iterator[Figure]:
    yield from beside_postfix(root, asked)
    yield from to_a_row(root / "service", mails=400, pause_seconds=0.05)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-relay", description=__doc__)
    parser.add_argument("--mails", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the figures there too")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-relay-") as made:
        root = Path(made)
        root.chmod(0o755)
        told(_all(root, asked), asked.json)


if __name__ == "__main__":
    main()
