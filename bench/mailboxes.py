"""What many mailboxes cost that are mostly empty, and what the first sync of a large one costs.

python -m bench.mailboxes [--json FILE] [--boxes 1000] [--mails 50000] [--minutes 5] [NAME...]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Final

from bench.hosts import cluster, seconds_besides
from bench.report import Figure, percentile, show, write
from tests.cluster.hosts import Host, Shared
from tests.command import ENVIRONMENT
from tests.crash.ledger import Post
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.fixtures import running_dovecot
from tests.servers.waiting import wait_until

_POLL_SECONDS: Final = 60
_ARRIVALS_PER_SECOND: Final = 2.0
_KEPT: Final = 100  # the default of jobs.connections
_SEED: Final = 7
# One process for each connection, and as many at the door: Dovecot's own limits are for less.
_DOVECOT: Final = """
default_process_limit = 2500
default_client_limit = 5000
service imap {
  process_limit = 2500
}
service imap-login {
  process_limit = 500
}
"""


def many_mailboxes(chosen: argparse.Namespace) -> Iterator[Figure]:
    """Yield CPU, memory, connections and lag of two hosts with many mailboxes, polled once a minute."""
    boxes: int = chosen.boxes
    with cluster(2, boxes, _POLL_SECONDS, more=_DOVECOT, connections=_KEPT) as (shared, hosts):
        for host in hosts:
            host.start()
        wait_until(lambda: _polled(shared) >= boxes, "every mailbox to be polled once", 600)
        cpu, besides, begun = _cpu(hosts), seconds_besides(), time.perf_counter()
        delivered, open_ones = _arrive(shared, hosts, chosen.minutes * 60.0)
        seconds = time.perf_counter() - begun
        used = _cpu(hosts) - cpu
        dovecot = seconds_besides()["Dovecot"] - besides["Dovecot"]
        wait_until(lambda: _taken(shared) == len(delivered), "every mail to be taken", 3 * _POLL_SECONDS)
        memory = [host.memory_mb() for host in hosts]
        lags = _lags(shared, delivered)
    note = f"{boxes} mailboxes, 2 hosts, poll {_POLL_SECONDS} s, {len(delivered)} mails in {seconds:.0f} s"
    yield Figure("mailboxes, both hosts", used / seconds * 100, "% of a core", note)
    yield Figure("mailboxes, Dovecot", dovecot / seconds * 100, "% of a core")
    yield Figure("mailboxes, memory of a host", max(memory), "MB")
    yield Figure("mailboxes, connections", max(open_ones), "open", f"at most; {_KEPT} stay open on each host")
    for share in (0.5, 0.95, 1.0):
        aim = f"aim: {2 * _POLL_SECONDS}" if share == 0.95 else ""
        yield Figure(f"mailboxes, lag p{share * 100:.0f}", percentile(lags, share), "s", aim)


def _arrive(shared: Shared, hosts: Sequence[Host], seconds: float) -> tuple[dict[str, float], list[int]]:
    """Let mails arrive here and there; return when each did, and how many connections were open at times."""
    post, chance = Post(_SEED, largest_bytes=10_000), Random(_SEED)
    delivered: dict[str, float] = {}
    open_ones: list[int] = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        mail = post.write()
        delivered[mail.message_id] = time.time()
        shared.dovecot.deliver(chance.choice(shared.boxes), mail.raw)
        if len(delivered) % 10 == 0:
            open_ones.append(_connections(shared.dovecot, hosts))
        time.sleep(1 / _ARRIVALS_PER_SECOND)
    return delivered, open_ones


def _connections(dovecot: Dovecot, hosts: Sequence[Host]) -> int:
    """Return how many connections lead to Dovecot's doors."""
    doors = {f"{door:04X}" for door in (*dovecot.doors, dovecot.port)}
    established = 0
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        _, local, _, state, *_ = line.split()
        established += local.rpartition(":")[2] in doors and state == "01"
    return established


def _cpu(hosts: Sequence[Host]) -> float:
    return sum(host.cpu_seconds() for host in hosts)


def _polled(shared: Shared) -> int:
    """Return how many mailboxes were logged into."""
    return len(
        {
            line.split("user=<")[1].split(">")[0]
            for line in shared.dovecot.log().splitlines()
            if "Login: user=<" in line
        }
    )


def _taken(shared: Shared) -> int:
    return int(_rows(shared, "SELECT count(*) FROM inbound_message")[0][0])


def _lags(shared: Shared, delivered: dict[str, float]) -> list[float]:
    rows = _rows(shared, "SELECT source_message_id, extract(epoch FROM created_at) FROM inbound_message")
    return [float(met) - delivered[message_id] for message_id, met in rows]


def _rows(shared: Shared, query: str) -> list[tuple[object, ...]]:
    return shared.postgres.execute(query, database=shared.database)


# --- the first sync ------------------------------------------------------------------------------


def first_sync(chosen: argparse.Namespace) -> Iterator[Figure]:
    """Yield what a mail costs, up to its documents, in the first sync of a small and of a large folder."""
    costs = {}
    with running_dovecot() as dovecot:
        for mails in (1_000, chosen.mails):
            seconds, megabytes = _synced(dovecot, mails)
            costs[mails] = seconds / mails * 1_000
            yield Figure(
                f"first sync of {mails}", costs[mails], "ms/mail", f"peak of memory {megabytes:.0f} MB"
            )
    ratio = costs[chosen.mails] / costs[1_000]
    yield Figure("first sync, large against small", ratio, "x", "a mail; aim: at most 1.5")


def _synced(dovecot: Dovecot, mails: int) -> tuple[float, float]:
    """Return the seconds that `fetch --once` took for a folder of so many mails, and its peak of memory."""
    user, post = f"sync{mails}", Post(_SEED, largest_bytes=4_000, most_files=1)
    dovecot.add_user(user)
    for _ in range(mails):
        name = dovecot.deliver(user, post.write().raw)
        # As in a mailbox that people read: what lies in new, Dovecot looks through at every command.
        (dovecot.maildir(user) / "new" / name).rename(dovecot.maildir(user) / "cur" / f"{name}:2,S")
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "postroom.toml"
        config.touch(0o600)
        config.write_text(
            f'state_dir = "{folder}/state"\n[orgs]\naddress = "orders+{{org}}@in.test"\n'
            "[org.acme]\n[org.beta]\n[org.gamma]\n"
            f'[mailbox.orders]\nhost = "localhost"\nport = {dovecot.tls_port}\ntls_ca = "{dovecot.ca}"\n'
            f'user = "{user}"\npassword = "{PASSWORD}"\nsince = "all"\n',
            encoding="utf-8",
        )
        command = [sys.executable, "-m", "postroom", "-c", str(config), "fetch", "--once", "--quiet"]
        begun = time.perf_counter()
        with subprocess.Popen([*command, "--limit", str(mails)], env=ENVIRONMENT) as process:
            _pid, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        assert process.returncode == 0
        return time.perf_counter() - begun, used.ru_maxrss / 1_000


_PARTS: Final[dict[str, Callable[[argparse.Namespace], Iterator[Figure]]]] = {
    "many": many_mailboxes,
    "sync": first_sync,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures there too")
    parser.add_argument("--boxes", type=int, default=1_000)
    parser.add_argument("--mails", type=int, default=50_000)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("parts", nargs="*", help="only those")
    chosen = parser.parse_args()
    figures = [figure for name in chosen.parts or _PARTS for figure in _PARTS[name](chosen)]
    show(figures)
    if chosen.json:
        write(figures, chosen.json)


if __name__ == "__main__":
    main()
