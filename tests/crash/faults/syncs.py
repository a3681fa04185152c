"""A disk that cannot sync: each sync of a mail's way fails once, at last all of them (EIO, by strace)."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from pathlib import Path

from tests.crash.durable import first_after, renames, unsafe_file
from tests.crash.faults.ordeal import Ordeal
from tests.crash.letting_go import lets_go
from tests.crash.ordering import is_acceptance
from tests.crash.results import Result
from tests.crash.serving import Servers
from tests.crash.stages import Stage, stage
from tests.crash.tracing import Call, await_end, calls, traced
from tests.crash.ways import Relays

KINDS = ("fsync", "fdatasync")
EVERY = "1+"
# Where all fail, each poll rests twice as long as the one before: a few tell what a dozen would.
_ENOUGH_REFUSALS, _ENOUGH_ERRORS, _ENOUGH_OF_ALL = 3, 5, 2
# A service that lives on; nothing to complain of; an error that the next start may not meet.
_ENDS = {None, 0, 74, 75}
_PATH = re.compile(r"\d+<([^>]+)>")
_OF_SQLITE = (".db", "-wal", "-journal", "-shm")  # it writes anew what it could not sync


def fail_syncs(
    cell: str,
    folder: Path,
    servers: Servers,
    seed: int,
    *,
    kinds: Sequence[str] = KINDS,
    numbers: Sequence[str] = (),
    sabotages: Sequence[str] = (),
) -> Result:
    """Let the first sync of a round fail, then its second, and so on to the last, and then all of a round.

    `numbers` are the ones to fail instead, as strace counts them in each thread.  Where the relay takes the
    mail there is no round: there the service is watched from the first mail on.
    """
    chance = random.Random(seed)  # noqa: S311  (a seed repeats a campaign)
    with stage(cell, folder, servers, chance) as played:
        ordeal = Ordeal(played, "faults.syncs", seed, largest_bytes=3_000)
        ordeal.begin()
        for kind in kinds:
            for number in numbers or map(str, count(1)):
                if not _fails(ordeal, f"{kind}:error=EIO:when={number}", sabotages):
                    break
            if not numbers:
                _fails(ordeal, f"{kind}:error=EIO:when={EVERY}", sabotages)
        return ordeal.conclude()


def _fails(ordeal: Ordeal, inject: str, sabotages: Sequence[str]) -> bool:
    """Take a mail with that fault, and then on a sound disk; return whether the fault was met at all."""
    played, host = ordeal.stage, ordeal.stage.hosts[0]
    played.kill_all()
    played.send(ordeal.post.write())
    words, tricks = (["run"], []) if played.by_relay else (["fetch", "--once"], ["one thread"])
    since = "relay.received" if played.by_relay else ""
    trace, tricks = host.folder / "trace", [*tricks, *sabotages]
    with traced(played, host, words, trace, inject=inject, sabotages=tricks, since=since) as pid:
        code = await_end(played, host, pid, is_done=_is_enough(played, trace, inject))
    if code not in _ENDS:
        ordeal.result.breaches.append(f"{inject}: ended with {code}")
    refused = _failed(trace, inject)
    if refused:
        ordeal.met(inject, bit=True)
        ordeal.result.breaches += [f"{inject}: {what}" for what in breaches(calls(trace), refused)]
    ordeal.recover(by_itself=True)
    return bool(refused)


def breaches(seen: Sequence[Call], refused: Sequence[Call]) -> Iterator[str]:
    """Yield who relied on what had not been synced, and each file that was synced again after an error.

    After an error the kernel may have dropped what it could not write, and say yes the next time.
    """
    gone = list(lets_go(seen).values())
    for rename in renames(seen, "/tmp/", "/new/"):  # noqa: S108  (of a Maildir)
        if first_after(seen, rename, is_acceptance):
            yield from unsafe_file(seen, rename, is_acceptance, "the 250")
    for rename in renames(seen, "/_drafts/", "/raw/"):
        if first_after(seen, rename, gone.__contains__):
            yield from unsafe_file(seen, rename, gone.__contains__, "the source let go")
    for call in refused:
        path = _path(call)
        if not path.endswith(_OF_SQLITE) and not Path(path).is_dir():
            again = [later for later in seen if later.begun > call.ended and later.name == call.name]
            yield from (f"{path} was synced again" for later in again if _path(later) == path)


def _is_enough(played: Stage, trace: Path, inject: str) -> Callable[[], bool]:
    """Return what tells of a service whether all is done, or has failed again and again; never of a round."""
    relay = played.way if isinstance(played.way, Relays) else None
    refusals = len(relay.refusals) if relay else 0
    errors = _ENOUGH_OF_ALL if inject.endswith(EVERY) else _ENOUGH_ERRORS

    def is_enough() -> bool:
        return relay is not None and (
            played.is_drained()
            or len(relay.refusals) > refusals + _ENOUGH_REFUSALS
            or len(_failed(trace, inject)) > errors
        )

    return is_enough


def _path(call: Call) -> str:
    found = _PATH.match(call.told)
    return found[1] if found else ""


def _failed(trace: Path, inject: str) -> list[Call]:
    kind = inject.partition(":")[0]
    return [call for call in calls(trace, succeeded=False) if call.name == kind]
