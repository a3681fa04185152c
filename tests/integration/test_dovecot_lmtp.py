"""Dovecot's LMTP fills a Maildir as the how-to page says, behind a Postfix that is told what it says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.command import postroom
from tests.integration.intake import Intake
from tests.integration.test_first_mail import mail
from tests.servers.dovecot import Dovecot
from tests.servers.fixtures import running_lmtp_dovecot, running_postfix
from tests.servers.postfix import Postfix
from tests.servers.waiting import free_port

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "dovecot-lmtp.md"
USER = "orders@in.test"

pytestmark = [pytest.mark.postfix, pytest.mark.dovecot, pytest.mark.timeout(180)]


@dataclass(frozen=True, slots=True)
class Machine:
    """A Postfix with a Dovecot behind it, both told what the page says."""

    postfix: Postfix
    dovecot: Dovecot


def blocks() -> list[str]:
    """Return what the page shows to be written: for postroom, for Dovecot, for Postfix."""
    return re.findall(r"(?ms)^```[a-z]*\n(.*?)^```", PAGE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def machine(postfix_root: Path) -> Iterator[Machine]:
    port = free_port()
    _, for_dovecot, for_postfix = blocks()
    assert for_dovecot.count("port = 24\n") == for_postfix.count("127.0.0.1:24\n") == 1
    main = for_postfix.replace("127.0.0.1:24\n", f"127.0.0.1:{port}\n")
    main += "virtual_mailbox_domains = in.test\nvirtual_mailbox_maps = static:known\n"
    with ExitStack() as stack:
        dovecot = stack.enter_context(
            running_lmtp_dovecot(for_dovecot.replace("port = 24\n", f"port = {port}\n"))
        )
        dovecot.add_user(USER)
        yield Machine(stack.enter_context(running_postfix(postfix_root, main=main)), dovecot)


@pytest.fixture
def intake(machine: Machine, tmp_path: Path) -> Iterator[Intake]:
    for_postroom = blocks()[0]
    trust = re.search(r'(?m)^trust = "(\w+)"$', for_postroom)
    assert trust is not None
    intake = Intake(tmp_path / "intake", machine.dovecot.maildir(USER), trust=trust[1])
    yield intake
    intake.clear()


def test_a_mail_for_two_orgs_comes_as_two_files_and_each_org_gets_its_documents(
    intake: Intake, machine: Machine
) -> None:
    machine.postfix.send(mail("acme", "one"), "orders+acme@in.test", "orders+beta@in.test")
    intake.wait_for(2)

    facts = postroom(intake.config, "fetch", "--once", "--json").objects()[0]

    assert (facts["taken"], facts["quarantined"], facts["documents"]) == (2, 0, 2)
    messages = postroom(intake.config, "messages", "--json").objects()
    assert sorted(row["org"] for row in messages) == ["acme", "beta"]


def test_a_recipient_header_that_the_sender_forged_decides_nothing(intake: Intake, machine: Machine) -> None:
    machine.postfix.send(
        b"Delivered-To: orders+beta@in.test\r\n" + mail("beta", "one"), "orders+acme@in.test"
    )
    intake.wait_for(1)
    postroom(intake.config, "fetch", "--once")

    assert [row["org"] for row in postroom(intake.config, "messages", "--json").objects()] == ["acme"]
