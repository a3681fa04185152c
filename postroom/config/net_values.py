"""Kinds of values that only a server has: places to listen on, and networks."""

from __future__ import annotations

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from postroom.config.mail_values import is_loopback
from postroom.config.toml import written
from postroom.config.values import Kind, ValueFault, commas, named, plain

Listening = tuple[str, int] | Path

_PLACE = re.compile(r"(?:\[([0-9A-Fa-f:.%]+)\]|([^\s:/\[\]]+)):([0-9]{1,5})")
_MOST_PORT = 65535
_MOST_PATH = 107  # of a unix socket, in bytes: sun_path of unix(7)


def listen() -> Kind[tuple[Listening, ...]]:
    """Return the kind of one or more places to listen on: "host:port", "[::1]:port" or "unix:/path"."""

    def parse(raw: object) -> tuple[Listening, ...]:
        places = raw if isinstance(raw, list) else [raw]
        if not places:
            raise ValueFault("must name at least one place")
        if not all(isinstance(place, str) for place in places):
            raise ValueFault(f'must be a place such as "127.0.0.1:2525", or a list of them, not {named(raw)}')
        return tuple(_place(plain(place, "a place to listen on")) for place in places)

    return Kind(parse, commas)


def network() -> Kind[IPv4Network | IPv6Network]:
    """Return the kind of a network, or of one address."""

    def parse(raw: object) -> IPv4Network | IPv6Network:
        text = plain(raw, 'a network such as "192.0.2.0/24"')
        try:
            return ip_network(text)
        except ValueError as error:
            raise ValueFault(
                f"{written(text)} is no network", 'write "192.0.2.0/24" or "2001:db8::/32"'
            ) from error

    return Kind(parse)


def web_address() -> Kind[str]:
    """Return the kind of an https address; http is for this machine only, since a secret goes there."""

    def parse(raw: object) -> str:
        text = plain(raw, "an address such as https://id.example/token")
        parsed = _split(text)
        if parsed is None or parsed.scheme not in {"http", "https"} or not parsed.hostname:
            raise ValueFault(f"{written(text)} is no web address", "write it like https://id.example/token")
        if parsed.username is not None or parsed.fragment:
            raise ValueFault(f"{written(text)} holds a user or a #fragment", "leave it out")
        if parsed.scheme == "http" and not is_loopback(parsed.hostname):
            raise ValueFault(f"{written(text)} would send a secret unencrypted", "write https://")
        return text

    return Kind(parse)


def _split(text: str) -> SplitResult | None:
    if re.search(r"[^\x21-\x7e]", text):
        return None
    try:
        parsed = urlsplit(text)
        _ = parsed.port  # raises for one that is no number
    except ValueError:
        return None
    return parsed


def _place(text: str) -> Listening:
    if text.startswith("unix:"):
        path = Path(text.removeprefix("unix:"))
        if not path.is_absolute() or len(bytes(path)) > _MOST_PATH:
            raise ValueFault(f"{written(text)} is no socket", "an absolute path of at most 107 bytes")
        return path
    found = _PLACE.fullmatch(text)
    if found is None or int(found[3]) > _MOST_PORT:
        raise ValueFault(
            f"{written(text)} is no place", 'write "127.0.0.1:2525", "[::1]:2525" or "unix:/run/x"'
        )
    return found[1] or found[2], int(found[3])
