"""How soon mail becomes a document while `postroom run` works, and how soon a Maildir's files are seen.

python -m bench.latency [--rate 20] [--seconds 60] [--share 1.0] [--json FILE] [NAME...]
"""

from __future__ import annotations

import argparse
import imaplib
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

from bench import mails
from bench.maildir import backlog, burst, pick_up
from bench.peers.contest import Arena
from bench.peers.corpus import PASSWORD
from bench.peers.peer import Account
from bench.peers.taking import configuration
from bench.report import Figure, percentile, told
from bench.service import LOOK_SECONDS, Documents, service
from postroom import maildir
from tests.servers.waiting import wait_until

_AIM_MS: Final = 250.0
_QUIET_SECONDS: Final = 3.0  # the first poll of an empty mailbox is no part of the figure


def delays(
    config: Path, sent: Sequence[mails.Mail], send: Callable[[mails.Mail], object], rate: float
) -> list[float]:
    """Return, for each mail, the seconds from the beginning of `send` until its document is in the database.

    So many mails a second are sent while a service runs, whose state_dir is `state` beside `config`.
    """
    begun: dict[str, float] = {}
    documents = Documents()
    with service(config):
        time.sleep(_QUIET_SECONDS)
        with documents.watched(config.with_name("state") / "postroom.db"):
            first = time.perf_counter()
            for number, mail in enumerate(sent):
                time.sleep(max(0.0, first + number / rate - time.perf_counter()))
                begun[mail.message_id] = time.perf_counter()
                send(mail)
            wait_until(lambda: len(documents) == len(sent), "every mail to become a document", 120)
    return [documents[message_id] - at for message_id, at in begun.items()]


def _shares(name: str, seconds: Sequence[float], rate: float) -> Iterator[Figure]:
    note = f"{len(seconds)} mails, {rate:g} a second; looked at every {LOOK_SECONDS * 1e3:.0f} ms"
    for share in (0.50, 0.95, 0.99):
        most = _AIM_MS if share == 0.95 else None
        yield Figure(f"{name}, p{share * 100:.0f}", percentile(seconds, share) * 1e3, "ms", note, most)


def maildir_to_row(asked: argparse.Namespace) -> Iterator[Figure]:
    """Yield how long it takes from the rename into new/ to the document's row."""
    with tempfile.TemporaryDirectory(prefix="bench-latency-") as root:
        folder, config = Path(root) / "Maildir", Path(root) / "postroom.toml"
        maildir.create(folder)
        config.write_text(
            f'state_dir = "{root}/state"\n[orgs]\naddress = "{mails.ADDRESS}"\n'
            + "".join(f"[org.{org}]\n" for org in mails.ORGS)
            + f'[maildir.intake]\npath = "{folder}"\ntrust = ["Delivered-To"]\n',
            encoding="utf-8",
        )
        seconds = delays(config, _sent(asked), lambda mail: maildir.deliver(folder, mail.raw), asked.rate)
    yield from _shares("rename to row", seconds, asked.rate)


def imap_to_row(asked: argparse.Namespace) -> Iterator[Figure]:
    """Yield how long it takes from APPEND to the document's row, where the service rests in IDLE."""
    with Arena.opened() as arena:
        arena.dovecot.add_user("latency", PASSWORD)
        config = arena.folder / "postroom.toml"
        config.touch(0o600)
        account = Account(arena.dovecot.port, "latency", PASSWORD)
        config.write_text(configuration(account, arena.folder / "state"), encoding="utf-8")
        with imaplib.IMAP4("127.0.0.1", account.port) as client:
            client.login(account.user, account.password)
            seconds = delays(
                config, _sent(asked), lambda mail: client.append("INBOX", "", "", mail.raw), asked.rate
            )
    yield from _shares("APPEND to row, IDLE", seconds, asked.rate)


def _sent(asked: argparse.Namespace) -> list[mails.Mail]:
    return list(mails.orders(round(asked.rate * asked.seconds)))


def _in_maildir(
    measure: Callable[..., Iterator[Figure]], count: int
) -> Callable[[argparse.Namespace], Iterator[Figure]]:
    def measured(asked: argparse.Namespace) -> Iterator[Figure]:
        with tempfile.TemporaryDirectory(prefix="bench-latency-") as root:
            yield from measure(Path(root) / "Maildir", mails=max(1, round(count * asked.share)))

    return measured


_PARTS: Final[dict[str, Callable[[argparse.Namespace], Iterator[Figure]]]] = {
    "seen": _in_maildir(pick_up, 300),
    "burst": _in_maildir(burst, 20_000),
    "backlog": _in_maildir(backlog, 100_000),
    "maildir": maildir_to_row,
    "imap": imap_to_row,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.latency", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which: {', '.join(_PARTS)} (default: all)")
    parser.add_argument("--rate", type=float, default=20.0, help="mails a second")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long mails are sent")
    parser.add_argument("--share", type=float, default=1.0, help="of the full number of files")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    asked = parser.parse_args()
    told((figure for name in asked.names or _PARTS for figure in _PARTS[name](asked)), asked.json)


if __name__ == "__main__":
    main()
