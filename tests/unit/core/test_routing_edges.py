"""Where a small slip in routing would not show in the table of the trusted zone."""

from __future__ import annotations

import pytest

from postroom.core.headers import read_header_block
from postroom.core.routing import Rule, address_pattern, targets

ORDERS = address_pattern("orders+{org}@in.example")


@pytest.mark.parametrize("rule", [Rule(ORDERS), Rule(ORDERS, to_cc=True)], ids=["trusted", "To/Cc"])
def test_a_mail_that_names_nobody_has_no_recipient(rule: Rule) -> None:
    block = read_header_block(b"Received: by mx\n\n")

    assert [found.recipient for found in targets(block, rule)] == [""]


def test_more_hops_than_there_are_reach_down_to_the_last_received() -> None:
    block = read_header_block(b"Received: b\nDelivered-To: orders+own@in.example\nReceived: a\n\n")

    assert [found.slug for found in targets(block, Rule(ORDERS, trusted_hops=9))] == ["own"]
