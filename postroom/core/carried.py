"""Which headers with the envelope recipient a server's mails carry, where they can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from postroom.core.addresses import mailboxes
from postroom.core.headers import HeaderBlock
from postroom.core.routing import AddressPattern, Rule, slug_in, trusted_zone

KNOWN: Final = (
    "X-Original-To",
    "Delivered-To",
    "Envelope-To",
    "X-Envelope-To",
    "X-Delivered-To",
    "X-Original-Recipient",
)
"""How mail servers call the envelope recipient, in order of preference where several are carried."""

_MOST_HOPS: Final = 1  # Fastmail and Cyrus write theirs below their own Received


@dataclass(frozen=True, slots=True)
class Carried:
    """One header that some mails carry: in `mails` of them, in `fitting` with an address of ours.

    `hops` is the `trusted_hops` that reaches it in all of those.
    """

    name: str
    mails: int
    fitting: int
    hops: int


def carried(blocks: Sequence[HeaderBlock], address: AddressPattern) -> tuple[Carried, ...]:
    """Return the known headers that these mails carry above their first or second Received, best first.

    Best is what most mails carry with an address that fits; then what most carry; then what stands higher.
    """
    found = [each for name in KNOWN if (each := _one(name, blocks, address)).mails]
    return tuple(sorted(found, key=lambda each: (-each.fitting, -each.mails, each.hops)))


def _one(name: str, blocks: Sequence[HeaderBlock], address: AddressPattern) -> Carried:
    hops, mails, fitting = 0, 0, 0
    for block in blocks:
        for hop in range(_MOST_HOPS + 1):
            zone = trusted_zone(block, Rule(address, trusted_hops=hop))
            field = next((field for field in zone if field.key == name.lower()), None)
            if field is not None:
                mails += 1
                hops = max(hops, hop)
                fitting += any(slug_in(each, address)[0] for each in mailboxes(field.unfolded))
                break
    return Carried(name, mails, fitting, hops)
