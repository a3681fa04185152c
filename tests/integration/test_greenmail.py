"""What is said of GreenMail: the tests that it is spared are spared for a reason that is true."""

from __future__ import annotations

import imaplib

import pytest

from tests.servers.greenmail import LACKS, GreenMail

pytestmark = pytest.mark.greenmail

CAPABILITIES = {"STARTTLS", "AUTH=PLAIN", "CONDSTORE", "QRESYNC"}


def test_it_announces_nothing_that_it_is_said_to_lack(greenmail: GreenMail) -> None:
    connection = imaplib.IMAP4("127.0.0.1", greenmail.port, timeout=30)

    announced = set(connection.capabilities)
    connection.shutdown()

    assert set(LACKS).issuperset(CAPABILITIES)
    assert announced.isdisjoint(CAPABILITIES)
    assert announced.issuperset({"IDLE", "MOVE", "UIDPLUS"})
