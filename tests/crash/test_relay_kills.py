"""The relay is killed while mails come in: what it said 250 to is there whole, and nothing is there half.

POSTROOM_CRASH_KILLS=200    a long campaign; the seed is printed, POSTROOM_CRASH_SEED repeats it
"""

from __future__ import annotations

import hashlib
import os
import random
import smtplib
import threading
from pathlib import Path

import pytest

from tests.servers.relay_process import RelayProcess
from tests.servers.waiting import wait_until

KILLS = int(os.environ.get("POSTROOM_CRASH_KILLS", "3"))
SEED = int(os.environ.get("POSTROOM_CRASH_SEED", "1"))
CLIENTS = 8
MOST_ACCEPTED = 40  # before a kill
RECIPIENTS = ["orders+acme@in.example", "orders+beta@in.example"]

WHICH = [
    slice(None),
    slice(None),
    slice(1),
    slice(1, 2),
]  # all at once; the one that listens; one that serves

pytestmark = [pytest.mark.crash, pytest.mark.timeout(120 + 15 * KILLS)]


class Client(threading.Thread):
    """Sends one mail after the other until the relay dies; `accepted` are those that got their 250."""

    def __init__(self, port: int, name: str, chance: random.Random) -> None:
        super().__init__()
        self.accepted: list[str] = []
        self._port, self._prefix, self._chance = port, name, chance

    def run(self) -> None:
        try:
            with smtplib.SMTP("127.0.0.1", self._port, timeout=30) as relay:
                for number in range(100_000):
                    name = f"{self._prefix}-{number}"
                    relay.sendmail("a@b.example", RECIPIENTS, mail(name, self._size()))
                    self.accepted.append(name)
        except (OSError, smtplib.SMTPException):  # killed
            pass

    def _size(self) -> int:
        return self._chance.choice([200, 10_000, 10_000, 600_000])


def mail(name: str, size: int) -> bytes:
    """Return a mail that says by itself whether it is whole."""
    body = (name.encode() + b" ") * (size // len(name) + 1)
    lines = b"\r\n".join(body[start : start + 70] for start in range(0, len(body), 70))
    return f"Subject: {name}\r\nX-Sha: {digest(lines)}\r\n\r\n".encode() + lines + b"\r\n"


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def test_no_kill_loses_or_halves_a_mail(tmp_path: Path) -> None:
    chance = random.Random(SEED)  # noqa: S311  (a seed repeats a campaign)
    relay = RelayProcess(tmp_path, "processes = 2")
    accepted = faults = 0

    for kill in range(KILLS):
        relay.start()
        clients = [Client(relay.port, f"{kill}-{each}", chance) for each in range(CLIENTS)]
        for client in clients:
            client.start()
        enough = chance.randrange(1, MOST_ACCEPTED)
        wait_until(lambda: count(clients) >= enough, f"{enough} accepted mails", seconds=40)  # noqa: B023  (called now)
        threading.Event().wait(chance.uniform(0.0, 0.05))
        relay.kill(chance.choice(WHICH))
        for client in clients:
            client.join(60)
        said = [name for client in clients for name in client.accepted]
        accepted += len(said)
        faults += missing_or_half(relay.maildir, said)

    print(f"\nrelay: {KILLS} kills, {accepted} mails accepted, {faults} faults, seed {SEED}")  # noqa: T201  (the campaign's report)
    assert faults == 0
    assert accepted > 0


def count(clients: list[Client]) -> int:
    return sum(len(client.accepted) for client in clients)


def missing_or_half(folder: Path, accepted: list[str]) -> int:
    """Return how many copies of accepted mails are missing and how many of any are not whole; empty new/."""
    copies: dict[str, set[bytes]] = {name: set() for name in accepted}
    half = 0
    for path in (folder / "new").iterdir():
        head, _, body = path.read_bytes().partition(b"\r\n\r\n")
        fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n") if b": " in line)
        whole = fields.get(b"X-Sha", b"").decode() == digest(body.removesuffix(b"\r\n"))
        half += not whole
        if whole:
            copies.setdefault(fields[b"Subject"].decode(), set()).add(fields[b"Delivered-To"])
        path.unlink()
    return half + sum(len(RECIPIENTS) - len(copies[name]) for name in accepted)
