"""The wire between postroom and each of its servers: cut at any byte, reset, and hanging for a while."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from tests.crash.faults.ordeal import Ordeal
from tests.crash.results import Result
from tests.crash.serving import Servers
from tests.crash.stages import LEASE_SECONDS, stage
from tests.servers.proxy import Toward, Wire

CUTS = 10
"""How many cuts befall each leg, each way."""
_RECOVERED_EACH = 5


@dataclass(slots=True)
class Legs:
    """A wire to each server, by the server's name; it is made when it is first asked for."""

    wires: dict[str, Wire] = field(default_factory=dict)
    _by_port: dict[int, Wire] = field(default_factory=dict)

    def reach(self, server: str, port: int) -> int:
        """Be the Reach of a stage."""
        if port not in self._by_port:
            wire = self._by_port[port] = Wire(port)
            name = server if server not in self.wires else f"{server} {len(self._by_port)}"
            self.wires[name] = wire
            wire.start()
        return self._by_port[port].port


@contextmanager
def running_legs() -> Iterator[Legs]:
    legs = Legs()
    try:
        yield legs
    finally:
        for wire in legs.wires.values():
            wire.close()


def disturb_wires(cell: str, folder: Path, servers: Servers, seed: int, *, cuts: int = CUTS) -> Result:
    """Cut, reset and hang the wire of every leg of a cell while mails come in; return what was counted.

    A leg is cut at `cuts` bytes each way, spread by the seed over what the mails of one send need.
    """
    chance = random.Random(seed)  # noqa: S311  (a seed repeats a campaign)
    with running_legs() as legs, stage(cell, folder, servers, chance, reach=legs.reach) as played:
        ordeal = Ordeal(played, "faults.wires", seed)
        ordeal.begin()
        needed = _bytes_needed(ordeal, legs)
        for leg, wire in legs.wires.items():
            for toward in Toward:
                _cut_at_many_bytes(ordeal, leg, wire, toward, needed[leg][toward], cuts)
            _reset(ordeal, leg, wire)
            _hang(ordeal, leg, wire)
        return ordeal.conclude()


def _bytes_needed(ordeal: Ordeal, legs: Legs) -> dict[str, dict[Toward, int]]:
    """Return how many bytes go each way over each leg while a mail to each source goes its whole way."""
    before = {leg: dict(wire.carried) for leg, wire in legs.wires.items()}
    ordeal.send()
    ordeal.recover()
    return {
        leg: {toward: wire.carried[toward] - before[leg][toward] for toward in Toward}
        for leg, wire in legs.wires.items()
    }


def _cut_at_many_bytes(ordeal: Ordeal, leg: str, wire: Wire, toward: Toward, needed: int, cuts: int) -> None:
    """Cut one connection after the other; the next one works, until it is cut too."""
    for number in range(cuts):
        # One byte out of each equal share of them all: none is passed by.
        byte = 1 + ordeal.chance.randrange(number * needed // cuts, (number + 1) * needed // cuts)
        quietly = ordeal.chance.random() < 0.5
        wire.cut_at(byte, toward, quietly=quietly)
        told = f"{leg} {'closed' if quietly else 'reset'} at byte {byte} toward the {toward}"
        while not wire.has_cut:  # small mails may not need so many bytes
            ordeal.send()
            ordeal.wait(lambda: wire.has_cut or ordeal.stage.is_drained(), told)
        ordeal.met(told, bit=True)
        if (number + 1) % _RECOVERED_EACH == 0 or number + 1 == cuts:
            ordeal.recover()


def _reset(ordeal: Ordeal, leg: str, wire: Wire) -> None:
    """Let every connection be reset, and refuse new ones for a while."""
    ordeal.send()
    wire.cut()
    ordeal.send()
    Event().wait(ordeal.chance.uniform(0.1, 2 * LEASE_SECONDS))
    wire.mend()
    ordeal.met(f"{leg} reset", bit=True)
    ordeal.recover()


def _hang(ordeal: Ordeal, leg: str, wire: Wire) -> None:
    """Let nothing through for longer than a lease, and then all of it."""
    ordeal.send()
    wire.hang()
    ordeal.send()
    Event().wait(2 * LEASE_SECONDS)
    bit = not ordeal.stage.is_drained()
    wire.mend()
    ordeal.met(f"{leg} hanging", bit=bit)
    ordeal.recover()
