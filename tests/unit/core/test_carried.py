"""Which header of a server's mails names the envelope recipient is found where it can be trusted."""

from __future__ import annotations

from postroom.core.carried import Carried, carried
from postroom.core.headers import read_header_block
from postroom.core.routing import address_pattern

ORDERS = address_pattern("orders+{org}@in.example")
RECEIVED = b"Received: from a by b\r\n"
DELIVERED = b"Delivered-To: orders+acme@in.example\r\n"
ORIGINAL = b"X-Original-To: Orders+Acme@in.example\r\n"
WITHOUT_TAG = b"Delivered-To: orders@in.example\r\n"


def found(*heads: bytes) -> tuple[Carried, ...]:
    return carried([read_header_block(head + b"\r\n") for head in heads], ORDERS)


def test_a_header_above_the_first_received_is_counted_with_the_addresses_that_fit() -> None:
    assert found(DELIVERED + RECEIVED, WITHOUT_TAG + RECEIVED, RECEIVED) == (
        Carried("Delivered-To", 2, 1, 0),
    )


def test_the_header_with_the_address_as_it_was_written_comes_first() -> None:
    assert found(ORIGINAL + DELIVERED + RECEIVED) == (
        Carried("X-Original-To", 1, 1, 0),
        Carried("Delivered-To", 1, 1, 0),
    )


def test_a_header_that_lost_the_tag_comes_behind_one_that_kept_it() -> None:
    assert [each.name for each in found(b"X-Original-To: x@y.example\r\n" + DELIVERED + RECEIVED)] == [
        "Delivered-To",
        "X-Original-To",
    ]


def test_one_below_the_servers_own_received_needs_a_hop() -> None:
    assert found(RECEIVED + DELIVERED + RECEIVED) == (Carried("Delivered-To", 1, 1, 1),)


def test_what_came_with_the_mail_proves_nothing() -> None:
    assert found(RECEIVED + RECEIVED + DELIVERED, RECEIVED + DELIVERED, DELIVERED) == ()


def test_without_a_mail_nothing_is_found() -> None:
    assert found() == ()
