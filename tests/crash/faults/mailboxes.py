"""Mailboxes that change under postroom: numbered anew, made anew, and emptied by another program."""

from __future__ import annotations

import os
import random
import re
import signal
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Final

from tests.crash.faults.ordeal import Ordeal
from tests.crash.results import Result
from tests.crash.serving import Servers
from tests.crash.stages import stage
from tests.crash.ways import Mailboxes
from tests.servers.dovecot import Dovecot

TIMES = 8
"""How often each thing befalls a mailbox."""
_LONGEST_SECONDS = 0.5
_ROLLED_BACK = b'"rolled back"'
_MAILS = (1, 2, 5)
_UIDVALIDITY = re.compile(r"3 V(?P<uidvalidity>\d+) ")

Box = tuple[Dovecot, str]
Change = Callable[[Ordeal, Box], None]


def change_mailboxes(cell: str, folder: Path, servers: Servers, seed: int, *, times: int = TIMES) -> Result:
    """Let each change befall mailboxes while mails come in and hosts are killed; return what was counted.

    A mail that another program takes away comes again in another mailbox, so that there is one row of each.
    """
    chance = random.Random(seed)  # noqa: S311  (a seed repeats a campaign)
    with stage(cell, folder, servers, chance) as played:
        assert isinstance(played.way, Mailboxes)
        ordeal = Ordeal(played, "mailbox", seed)
        ordeal.begin()
        changes = [*CHANGES.items()] * times
        ordeal.chance.shuffle(changes)
        for name, change in changes:
            box = ordeal.chance.choice(played.way.boxes)
            _deliver(ordeal, box)
            change(ordeal, box)
            _deliver(ordeal, box)
            if ordeal.chance.random() < 0.5:
                _kill_one(ordeal)
                ordeal.met("a host killed", bit=True)
            ordeal.met(name, bit=True)
            ordeal.recover()
        return ordeal.conclude()


def _deliver(ordeal: Ordeal, box: Box) -> None:
    """Deliver some mails, and wait for a moment between before all and after all was taken."""
    server, user = box
    for _ in range(ordeal.chance.choice(_MAILS)):
        ordeal.stage.sent.append(mail := ordeal.post.write())
        server.deliver(user, mail.raw)
    Event().wait(ordeal.chance.uniform(0.0, _LONGEST_SECONDS))


def _kill_one(ordeal: Ordeal) -> None:
    Event().wait(ordeal.chance.uniform(0.001, _LONGEST_SECONDS))
    ordeal.stage.kill(ordeal.chance.choice(ordeal.stage.hosts))
    ordeal.stage.start_all()


def _number_anew(ordeal: Ordeal, box: Box) -> None:
    """Give the mailbox another UIDVALIDITY, and its mails other UIDs."""
    server, user = box
    server.change_uidvalidity(user, ordeal.chance.randrange(1, 2**31))


def _give_uids_again(ordeal: Ordeal, box: Box) -> None:
    """Let the server begin with the first UID again, under the same UIDVALIDITY, and postroom notice.

    A rollback that is met only once more mail came than was lost cannot be told from mail as usual.
    """
    server, user = box
    ordeal.recover()
    before = ordeal.logged(_ROLLED_BACK)
    uidlist = (server.maildir(user) / "dovecot-uidlist").read_text(encoding="ascii")
    told = _UIDVALIDITY.match(uidlist)
    assert told is not None, uidlist
    server.change_uidvalidity(user, int(told["uidvalidity"]))
    ordeal.wait(lambda: ordeal.logged(_ROLLED_BACK) > before, f"{user} to be started over")


def _make_anew(_ordeal: Ordeal, box: Box) -> None:
    """Take the whole mailbox away and make another one, with the mails that still were in it."""
    server, user = box
    home = server.maildir(user)
    old = home.rename(home.with_name(f"{home.name}.{len(list(home.parent.iterdir()))}"))
    for shelf in ("new", "cur"):
        for path in sorted((old / shelf).iterdir()):
            server.deliver(user, path.read_bytes())


def _vanish(ordeal: Ordeal, box: Box) -> None:
    """Let another program take away all mails that were listed and not fetched; they come elsewhere."""
    ordeal.stage.kill_all()
    _deliver(ordeal, box)
    host = ordeal.chance.choice(ordeal.stage.hosts)
    ordeal.stage.start(host, sabotages=["stand still:imap.listed"])
    ordeal.wait(lambda: host.stands_still, f"{host.folder} to have listed mails")
    server, user = box
    taken = []
    for shelf in ("new", "cur"):
        for path in (server.maildir(user) / shelf).iterdir():
            taken.append(path.read_bytes())
            path.unlink()
    assert host.pid is not None
    os.kill(host.pid, signal.SIGCONT)
    assert isinstance(ordeal.stage.way, Mailboxes)
    for raw in taken:
        elsewhere, other = ordeal.chance.choice([each for each in ordeal.stage.way.boxes if each != box])
        elsewhere.deliver(other, raw)
    ordeal.stage.start_all()


CHANGES: Final[dict[str, Change]] = {
    "UIDVALIDITY changed": _number_anew,
    "UIDs given out again": _give_uids_again,
    "mailbox made anew": _make_anew,
    "mails vanished between list and fetch": _vanish,
}
