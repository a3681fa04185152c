"""Postfix's virtual(8) fills a Maildir as `postroom setup postfix` told it to: the first recipe."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command import postroom
from tests.integration.intake import ORGS, Intake
from tests.integration.test_first_mail import mail
from tests.servers.fixtures import running_postfix
from tests.servers.postfix import Postfix, smtp_source

pytestmark = [pytest.mark.postfix, pytest.mark.timeout(180)]  # each starts some ten processes
SETUP = ("setup", "postfix", "--domain", "in.test")


@pytest.fixture(scope="module")
def postfix(postfix_root: Path) -> Iterator[Postfix]:
    intake = Intake(postfix_root / "setup", postfix_root / "mail" / "orders")
    with running_postfix(postfix_root) as server:
        intake.postroom(server, *SETUP)
        yield server


@pytest.fixture
def intake(postfix: Postfix, tmp_path: Path) -> Iterator[Intake]:
    """A fresh postroom at the Maildir that this module's Postfix fills."""
    intake = Intake(tmp_path / "intake", postfix.root / "mail" / "orders")
    yield intake
    intake.clear()


def test_a_mail_for_two_orgs_comes_as_two_files_and_each_org_gets_its_documents(
    intake: Intake, postfix: Postfix
) -> None:
    postfix.send(mail("acme", "one"), "orders+acme@in.test", "Orders+Beta@in.test")
    intake.wait_for(2)

    facts = postroom(intake.config, "fetch", "--once", "--json").objects()[0]

    assert (facts["taken"], facts["duplicates"], facts["quarantined"], facts["documents"]) == (2, 0, 0, 2)
    messages = postroom(intake.config, "messages", "--json").objects()
    assert sorted((row["org"], row["source_message_id"]) for row in messages) == [
        ("acme", "<one@customer.test>"),
        ("beta", "<one@customer.test>"),
    ]
    assert intake.mails() == []


def test_recipient_headers_that_the_sender_forged_decide_nothing(intake: Intake, postfix: Postfix) -> None:
    forged = b"X-Original-To: orders+beta@in.test\r\nDelivered-To: orders+beta@in.test\r\n"

    postfix.send(forged + mail("beta", "one"), "orders+acme@in.test")
    intake.wait_for(1)
    postroom(intake.config, "fetch", "--once")

    assert [row["org"] for row in postroom(intake.config, "messages", "--json").objects()] == ["acme"]


def test_every_mail_of_a_load_becomes_a_row(intake: Intake, postfix: Postfix) -> None:
    smtp_source(postfix.port, "orders+acme@in.test", mails=60, sessions=20)
    intake.wait_for(60)

    facts = postroom(intake.config, "fetch", "--once", "--json").objects()[0]

    assert (facts["taken"], facts["quarantined"]) == (60, 0)


def test_postfix_itself_refuses_an_org_that_does_not_exist(postfix: Postfix) -> None:
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        postfix.send(mail("nope", "one"), "orders+nope@in.test")

    code, words = refused.value.recipients["orders+nope@in.test"]
    assert code == 550
    assert words.startswith(b"5.1.1 <orders+nope@in.test>: Recipient address rejected: User unknown")


def test_a_new_org_gets_mail_once_the_map_is_written_again(postfix: Postfix, tmp_path: Path) -> None:
    intake = Intake(tmp_path / "intake", postfix.root / "mail" / "orders", orgs=(*ORGS, "gamma"))
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        postfix.send(mail("gamma", "one"), "orders+gamma@in.test")

    intake.postroom(postfix, *SETUP)
    postfix.send(mail("gamma", "one"), "orders+gamma@in.test")

    intake.wait_for(1)
    intake.clear()


def test_a_parameter_that_the_machine_uses_otherwise_is_not_overwritten(
    intake: Intake, postfix: Postfix
) -> None:
    postfix.command("postconf", "-e", "virtual_mailbox_domains = in.test, example.com")

    done = intake.postroom(postfix, *SETUP, answer=64)

    postfix_has = postfix.command("postconf", "-h", "virtual_mailbox_domains")
    postfix.command("postconf", "-e", "virtual_mailbox_domains = in.test")
    assert "virtual_mailbox_domains = in.test, example.com" in done.err
    assert postfix_has == "in.test, example.com\n"
