"""How many mails a second come out of an IMAP mailbox into the spool, and what that costs.

python -m bench.imap [--json FILE]
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bench.report import Figure, median, show, write
from postroom.config.settings import Mailbox
from postroom.core.limits import DEFAULT_LIMITS
from postroom.fetcher.imap import ImapSource
from tests.servers.dovecot import Dovecot
from tests.servers.fixtures import fresh_mailbox, running_dovecot
from tests.servers.memory import MemoryInRam

_MAILS = 1_000
_ROUNDS = 5
_SIZES: Final = {"4 kB": 4_000, "75 kB": 75_000}
_SEED = 7


def fetching() -> Iterator[Figure]:
    """Yield mails a second and CPU a mail for mailboxes of small and of middling mails."""
    with running_dovecot() as dovecot, tempfile.TemporaryDirectory() as folder:
        for name, size_bytes in _SIZES.items():
            mailbox = _filled(dovecot, size_bytes)
            runs = [_fetch(mailbox, Path(folder)) for _ in range(_ROUNDS)]
            note = f"{_MAILS} mails over TLS into the spool, median of {_ROUNDS}"
            yield Figure(
                f"fetch, mails of {name}", median([_MAILS / run[0] for run in runs]), "mails/s", note
            )
            yield Figure(f"fetch, mails of {name}, CPU", median([run[1] for run in runs]), "ms/mail")


def _filled(dovecot: Dovecot, size_bytes: int) -> Mailbox:
    mailbox = fresh_mailbox(dovecot)
    random.seed(_SEED)
    line = random.randbytes(36).hex() + "\r\n"
    for number in range(_MAILS):
        head = f"Message-ID: <{number}@bench.example>\r\nSubject: mail {number}\r\n\r\n"
        dovecot.deliver(mailbox.user, (head + line * ((size_bytes - len(head)) // len(line))).encode())
    return mailbox


def _fetch(mailbox: Mailbox, spool: Path) -> tuple[float, float]:
    """Return how many seconds it took, and how many milliseconds of our own CPU a mail cost."""
    source = ImapSource(mailbox, spool, DEFAULT_LIMITS)
    begun, worked = time.perf_counter(), time.process_time()
    count = sum(len(batch.fetched) for batch in source.batches(MemoryInRam(), limit=_MAILS))
    seconds, cpu = time.perf_counter() - begun, time.process_time() - worked
    source.close()
    assert count == _MAILS
    return seconds, cpu * 1000 / _MAILS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures there too")
    chosen = parser.parse_args()
    figures = list(fetching())
    show(figures)
    if chosen.json:
        write(figures, chosen.json)


if __name__ == "__main__":
    main()
