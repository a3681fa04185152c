"""Who is connected: the caps on sessions, in total and for one address, and the networks that may come."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from postroom.smtp_relay import replies

Network = IPv4Network | IPv6Network
LOOPBACK: tuple[Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
UNIX = ""  # the address of a client on a unix socket: the rights of the socket let it in


class Census:
    """The sessions that are open; `admit` and `leave` come in pairs."""

    def __init__(
        self, *, most: int, most_per_address: int, allow: Sequence[Network], uncapped: Sequence[Network]
    ) -> None:
        self._most = most
        self._most_per_address = most_per_address
        self._allow = tuple(allow)
        self._uncapped = (*LOOPBACK, *uncapped)
        self._open: Counter[str] = Counter()
        self.total = 0

    @property
    def is_full(self) -> bool:
        """Return whether nobody more is let in, whoever it is."""
        return self.total >= self._most

    def admit(self, address: str) -> str:
        """Count a session of `address` and return "", or return the reply that refuses it."""
        if self.is_full:
            return replies.TOO_MANY_SESSIONS
        if address != UNIX and not _within(address, self._allow):
            return replies.NOT_FOR_YOU
        capped = address != UNIX and not _within(address, self._uncapped)
        if capped and self._open[address] >= self._most_per_address:
            return replies.TOO_MANY_FROM_YOU
        self._open[address] += 1
        self.total += 1
        return ""

    def leave(self, address: str) -> None:
        """Forget a session that was admitted."""
        self.total -= 1
        self._open[address] -= 1
        if not self._open[address]:
            del self._open[address]


@lru_cache(maxsize=4096)
def _within(address: str, networks: tuple[Network, ...]) -> bool:
    client = _address(address)
    return any(client in network for network in networks)


def _address(text: str) -> IPv4Address | IPv6Address:
    """Return the address without its zone; an IPv4 client of an IPv6 socket is an IPv4 client."""
    found = ip_address(text.partition("%")[0])
    return found.ipv4_mapped or found if isinstance(found, IPv6Address) else found
