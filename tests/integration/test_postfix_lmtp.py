"""Postfix speaks LMTP to postroom's relay as `postroom setup postfix --by lmtp` told it to."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from postroom import maildir
from tests.command import ENVIRONMENT, postroom
from tests.integration.intake import Intake
from tests.integration.test_first_mail import mail
from tests.servers.fixtures import running_postfix
from tests.servers.postfix import Postfix
from tests.servers.waiting import free_port, wait_until

pytestmark = [pytest.mark.postfix, pytest.mark.timeout(180)]  # each starts some ten processes


@contextmanager
def running_relay(config: Path, port: int) -> Iterator[None]:
    """Run the relay as long as the block lasts; it listens when the block begins."""
    with (config.parent / "relay.log").open("wb") as log:
        command = [sys.executable, "-m", "postroom", "-c", str(config), "relay"]
        relay = subprocess.Popen(command, stderr=log, env=ENVIRONMENT)
        try:
            wait_until(lambda: listens(port), "the relay to listen", seconds=40)
            yield
        finally:
            relay.terminate()
            relay.wait(30)


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except OSError:
        return False
    return True


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def intake(port: int, tmp_path: Path) -> Intake:
    """A postroom with the orgs acme and beta, and a relay that fills its Maildir."""
    maildir.create(tmp_path / "Maildir")
    intake = Intake(tmp_path / "intake", tmp_path / "Maildir")
    with intake.config.open("a") as file:
        file.write(f'[relay]\nlisten = "127.0.0.1:{port}"\nprotocol = "lmtp"\nmaildir = "intake"\n')
    return intake


@pytest.fixture
def postfix(intake: Intake, postfix_root: Path) -> Iterator[Postfix]:
    with running_postfix(postfix_root) as server:
        intake.postroom(server, "setup", "postfix", "--domain", "in.test", "--by", "lmtp")
        yield server


def test_each_recipient_has_an_answer_of_its_own_and_none_is_lost_while_the_relay_is_down(
    intake: Intake, postfix: Postfix, port: int
) -> None:
    forged = b"X-Original-To: orders+gone@in.test\r\nDelivered-To: orders+gone@in.test\r\n"
    config = intake.config.read_text()
    intake.config.write_text(config.replace("[orgs]", '[orgs]\nunknown = "reject"'))
    known = postfix.root / "conf" / "postroom-recipients"
    known.write_text(known.read_text() + "orders+gone@in.test OK\n")  # as a map that is older than the orgs
    postfix.command("postmap", str(known))

    postfix.send(forged + mail("gone", "one"), "orders+acme@in.test", "orders+gone@in.test")
    down = postfix.wait_for(r"to=<orders.\w+@in.test>, relay=.* status=(\w+)", times=2)
    with running_relay(intake.config, port):
        postfix.command("postqueue", "-f")
        postfix.wait_for(r"to=<orders.acme@in.test>.* status=sent")
        refused = postfix.wait_for(r"to=<orders.gone@in.test>.* status=bounced \(host .* said: (\d+ [\d.]+)")

    assert down == ["deferred", "deferred"]
    assert refused == ["550 5.1.1"]
    assert [b"X-Original-To: orders+acme@in.test" in one.splitlines()[:3] for one in intake.mails()] == [True]
    facts = postroom(intake.config, "fetch", "--once", "--json").objects()[0]
    assert (facts["taken"], facts["quarantined"], facts["documents"]) == (1, 0, 1)
