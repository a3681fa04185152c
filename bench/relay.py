"""The relay beside Postfix -> Maildir, same disk, same client, same run: `make bench-relay`.

Only the ratios mean anything on a machine that others use too.  Root is needed, for Postfix.
The table goes to standard output, everything as JSON lines to the file that is named (--json FILE).
"""

from __future__ import annotations

import argparse
import json
import os
import pwd
import smtplib
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.latency import delays
from bench.mails import ADDRESS, ORGS, Mail, orders
from bench.report import percentile
from bench.smtp_client import RECIPIENT, send
from bench.tree import cpu_seconds, pss_mb
from tests.servers.fixtures import running_postfix
from tests.servers.postfix import USER, smtp_source
from tests.servers.relay_process import relay_process
from tests.servers.waiting import free_port, wait_until

Facts = dict[str, Any]


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
        for path in self.new.iterdir() if self.new.is_dir() else ():
            path.unlink()


# What the figures are held against: the relay's figure divided by Postfix's.
TARGETS = {
    ("smtp-source", 100, "delivered_per_second"): (">=", 1.3),
    ("client", 1000, "delivered_per_second"): (">=", 3.0),
    ("client, kept", 100, "delivered_per_second"): (">=", 3.5),
    ("client", 100, "p95_ms"): ("<=", 0.75),
    ("client", 1000, "p95_ms"): ("<=", 0.35),
}
_MOST_RSS_MB = 120
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


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench-relay", description=__doc__)
    parser.add_argument("--mails", type=int, default=2000)
    parser.add_argument("--json", type=Path, dest="json_file")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-relay-") as made:
        root = Path(made)
        root.chmod(0o755)
        facts = beside_postfix(root, asked.mails)
        facts.append(to_a_row(root / "service", mails=200, pause_seconds=0.05))
    if asked.json_file:
        asked.json_file.write_text("".join(json.dumps(each) + "\n" for each in facts), encoding="utf-8")


def beside_postfix(root: Path, mails: int) -> list[Facts]:
    """Measure both servers, in turn, with each load; print a line for each."""
    found: list[Facts] = []
    with ExitStack() as running:
        servers = [_relay(running, root / "relay"), _postfix(running, root / "postfix")]
        print(
            f"{'load':14} {'sessions':>8} {'server':8} {'mails/s':>8} {'p50':>8} {'p95':>8} {'p99':>8} "
            f"{'RSS MB':>7} {'CPU ms':>7}"
        )
        for load, sessions in (
            ("smtp-source", 1),
            ("smtp-source", 100),
            ("smtp-source", 500),
            ("client", 100),
            ("client", 1000),
            ("client, kept", 100),
        ):
            count = max(100, mails // 10) if sessions == 1 else mails
            pair = [_measure(server, load, sessions, count) for server in servers]
            found += pair
            _show(pair)
    return found


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


def _measure(server: Server, load: str, sessions: int, mails: int) -> Facts:
    server.clear()
    os.sync()
    cpu, started, seconds, refusals = cpu_seconds(server.pid()), time.perf_counter(), [], 0
    if load == "smtp-source":
        smtp_source(server.port, RECIPIENT, mails=mails, sessions=sessions, length=10_240)
    else:
        sent = send(server.port, mails=mails, sessions=sessions, kept=load.endswith("kept"))
        seconds, refusals = sent.seconds, len(sent.refusals)
    accepted = time.perf_counter() - started
    rss = round(pss_mb(server.pid()))
    wait_until(lambda: server.delivered() >= mails - refusals, "all mails to be delivered", 300)
    delivered = time.perf_counter() - started
    return {
        "server": server.name,
        "load": load,
        "sessions": sessions,
        "mails": mails,
        "refused": refusals,
        "accepted_per_second": round(mails / accepted, 1),
        "delivered_per_second": round(mails / delivered, 1),
        **{
            f"p{share}_ms": round(percentile(seconds, share / 100) * 1e3, 1)
            for share in (50, 95, 99)
            if seconds
        },
        "cpu_ms_per_mail": round((cpu_seconds(server.pid()) - cpu) / mails * 1e3, 2),
        "rss_mb": rss,
    }


def _show(pair: list[Facts]) -> None:
    for facts in pair:
        times = " ".join(f"{facts.get(f'p{share}_ms', ''):>8}" for share in (50, 95, 99))
        print(
            f"{facts['load']:14} {facts['sessions']:>8} {facts['server']:8} "
            f"{facts['delivered_per_second']:>8} {times} {facts['rss_mb']:>7} "
            f"{facts['cpu_ms_per_mail']:>7}" + (f"  refused {facts['refused']}" if facts["refused"] else "")
        )
    ours, theirs = pair
    if ours["rss_mb"] > _MOST_RSS_MB:
        print(f"{'':32}rss_mb: {ours['rss_mb']} (target <= {_MOST_RSS_MB}: NOT MET)")
    for figure in ("delivered_per_second", "p95_ms", "cpu_ms_per_mail"):
        if figure in ours:
            ratio = ours[figure] / theirs[figure]
            target = TARGETS.get((ours["load"], ours["sessions"], figure))
            words = f"target {target[0]} {target[1]}: {_verdict(ratio, target)}" if target else "no target"
            print(f"{'':32}{figure}: {ratio:.2f} x Postfix ({words})")


def _verdict(ratio: float, target: tuple[str, float]) -> str:
    met = ratio >= target[1] if target[0] == ">=" else ratio <= target[1]
    return "met" if met else "NOT MET"


def to_a_row(root: Path, *, mails: int, pause_seconds: float) -> Facts:
    """Let `postroom run` with [relay] work, and compare each mail's first byte with its document row."""
    root.mkdir()
    config, port, rate = root / "postroom.toml", free_port(), 1 / pause_seconds
    sections = "".join(f"[org.{org}]\n" for org in ORGS) + f'[relay]\nlisten = "127.0.0.1:{port}"\n'
    config.write_text(f'state_dir = "{root}/state"\n[orgs]\naddress = "{ADDRESS}"\n{sections}')
    took = delays(config, list(orders(mails)), lambda mail: _send_one(port, mail), rate)
    facts: Facts = {f"p{share}_ms": round(percentile(took, share / 100) * 1e3, 1) for share in (50, 95, 99)}
    verdict = _verdict(facts["p95_ms"], ("<=", 250.0))
    print(f"SMTP -> document row at {rate:.0f} mails/s: {facts} (target p95 <= 250 ms: {verdict})")
    return {"load": "to a row", "mails": mails, **facts}


def _send_one(port: int, mail: Mail) -> None:
    with smtplib.SMTP("127.0.0.1", port, "bench.example", timeout=60) as client:
        client.sendmail("a@b.example", ADDRESS.format(org=mail.org), mail.raw)


if __name__ == "__main__":
    main()
