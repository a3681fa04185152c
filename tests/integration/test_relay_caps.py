"""One address gets so many sessions at a time; loopback and the networks that are listed are free."""

from __future__ import annotations

import socket
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.servers.relay_process import RelayProcess, relay_process

PUT_OFF = b"421 4.7.0 too many connections from your address, try again later\r\n"


@pytest.fixture(scope="module")
def elsewhere() -> str:
    """An address of this machine that is not loopback; what comes from it stays on this machine."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as route:
        try:
            route.connect(("192.0.2.1", 9))  # nothing is sent: it only asks which way it would go
        except OSError:
            pytest.skip("needs an address besides loopback (ip addr)")
        return str(route.getsockname()[0])


def greetings(relay: RelayProcess, address: str, count: int) -> list[bytes]:
    """Return what each of so many sessions, open at the same time, is greeted with."""
    with ExitStack() as open_ones:
        sessions = [
            open_ones.enter_context(
                closing(socket.create_connection(("127.0.0.1", relay.port), 20, source_address=(address, 0)))
            )
            for _ in range(count)
        ]
        return [session.recv(200) for session in sessions]


def test_one_address_gets_no_more_sessions_than_its_cap_and_loopback_does(
    tmp_path: Path, elsewhere: str
) -> None:
    settings = f'sessions_per_address = 2\nallow = ["{elsewhere}", "127.0.0.1"]'

    with relay_process(tmp_path, settings) as relay:
        from_elsewhere = greetings(relay, elsewhere, 4)
        from_loopback = greetings(relay, "127.0.0.1", 4)

    assert [said[:4] for said in from_elsewhere[:2]] == [b"220 ", b"220 "]
    assert from_elsewhere[2:] == [PUT_OFF, PUT_OFF]
    assert [said[:4] for said in from_loopback] == [b"220 "] * 4


def test_a_network_that_is_listed_has_no_cap(tmp_path: Path, elsewhere: str) -> None:
    settings = f'sessions_per_address = 2\nallow = ["{elsewhere}", "127.0.0.1"]\nuncapped = ["{elsewhere}"]'

    with relay_process(tmp_path, settings) as relay:
        said = greetings(relay, elsewhere, 4)

    assert [each[:4] for each in said] == [b"220 "] * 4
