"""An S3 service in trouble: it answers 500 or 503, slowly, or breaks off; the real one stands behind."""

from __future__ import annotations

import random
from contextlib import ExitStack
from pathlib import Path

from tests.crash.faults.ordeal import Ordeal
from tests.crash.results import Result
from tests.crash.serving import Servers
from tests.crash.stages import stage
from tests.servers.s3_gate import S3Gate, Trouble, running_gate

TIMES = 2
"""How often each trouble befalls the service."""
_REQUESTS = 6
_TROUBLES = tuple(trouble for trouble in Trouble if trouble is not Trouble.NONE)


def trouble_the_archive(
    cell: str, folder: Path, servers: Servers, seed: int, *, times: int = TIMES
) -> Result:
    """Let S3 have each trouble in turn while mails come in; return what was counted."""
    chance = random.Random(seed)  # noqa: S311  (a seed repeats a campaign)
    with ExitStack() as opened:
        gates: list[S3Gate] = []

        def reach(server: str, port: int) -> int:
            if server != "s3":
                return port
            gates.append(opened.enter_context(running_gate(port)))
            return gates[-1].port

        played = opened.enter_context(stage(cell, folder, servers, chance, reach=reach))
        (gate,) = gates
        ordeal = Ordeal(played, "faults.archive", seed)
        ordeal.begin()
        for trouble in _TROUBLES * times:
            _meet(ordeal, gate, trouble)
        return ordeal.conclude()


def _meet(ordeal: Ordeal, gate: S3Gate, trouble: Trouble) -> None:
    """Let some requests meet a trouble, with mails that came before it and mails that come during it."""
    before = gate.met
    ordeal.send()
    gate.trouble = trouble
    while gate.met - before < _REQUESTS:
        ordeal.send()
        ordeal.wait(
            lambda: gate.met - before >= _REQUESTS or ordeal.stage.is_drained(),
            f"requests that meet {trouble}",
        )
    gate.trouble = Trouble.NONE
    ordeal.met(f"s3 {trouble}", bit=True)
    ordeal.recover()
