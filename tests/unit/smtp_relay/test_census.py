"""Who may come in: the networks that are allowed, the caps, and who has none of his own."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from postroom.smtp_relay.census import UNIX, Census


def census(most: int = 2000, most_per_address: int = 2) -> Census:
    return Census(
        most=most,
        most_per_address=most_per_address,
        allow=[ip_network("192.0.2.0/24"), ip_network("127.0.0.0/8"), ip_network("2001:db8::/32")],
        uncapped=[ip_network("192.0.2.25/32")],
    )


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("192.0.2.1", ""),
        ("::ffff:192.0.2.1", ""),
        ("2001:db8::7%eth0", ""),
        (UNIX, ""),
        ("198.51.100.1", "554 5.7.1"),
        ("::1", "554 5.7.1"),
    ],
)
def test_only_listed_networks_may_connect(address: str, code: str) -> None:
    assert census().admit(address)[:9] == code


def test_one_address_has_a_cap_and_gets_in_again_when_it_left() -> None:
    door = census()

    answers = [door.admit("192.0.2.1") for _ in range(3)]
    door.leave("192.0.2.1")

    assert [answer[:9] for answer in answers] == ["", "", "421 4.7.0"]
    assert door.admit("192.0.2.1") == ""


@pytest.mark.parametrize("address", ["192.0.2.25", "127.0.0.1", UNIX])
def test_loopback_and_listed_networks_have_no_cap_of_their_own(address: str) -> None:
    door = census()

    assert [door.admit(address) for _ in range(50)] == [""] * 50


def test_all_together_have_a_cap() -> None:
    door = census(most=3)

    answers = [door.admit(address)[:9] for address in ("127.0.0.1", "192.0.2.25", UNIX, UNIX)]

    assert answers == ["", "", "", "421 4.7.0"]
    assert door.is_full
