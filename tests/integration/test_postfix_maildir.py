"""Postfix's virtual(8) fills a Maildir, and postroom takes the mail out of it: the first recipe."""

from __future__ import annotations

import pwd
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.command import postroom
from tests.integration.test_first_mail import mail
from tests.servers.fixtures import running_postfix
from tests.servers.postfix import USER, Postfix, own_maildir, smtp_source

pytestmark = pytest.mark.postfix


@pytest.fixture
def home(postfix_root: Path) -> Path:
    return own_maildir(postfix_root / "mail" / "orders")


@pytest.fixture
def config(postfix_root: Path, home: Path) -> Path:
    path = postfix_root / "postroom.toml"
    path.write_text(
        f'state_dir = "{postfix_root}/state"\n[orgs]\naddress = "orders+{{org}}@in.test"\n'
        f'[org.acme]\n[org.beta]\n[maildir.intake]\npath = "{home}"\n'
    )
    path.chmod(0o600)
    return path


@pytest.fixture
def postfix(postfix_root: Path, home: Path) -> Iterator[Postfix]:
    owner = pwd.getpwnam(USER)
    (postfix_root / "intake").write_text("orders@in.test orders/\n")
    lines = f"""
recipient_delimiter = +
virtual_mailbox_domains = in.test
virtual_mailbox_base = {home.parent}
virtual_mailbox_maps = texthash:{postfix_root}/intake
virtual_uid_maps = static:{owner.pw_uid}
virtual_gid_maps = static:{owner.pw_gid}
"""
    with running_postfix(postfix_root, main=lines) as server:
        yield server


def test_a_mail_for_two_orgs_comes_as_two_files_and_each_org_gets_its_documents(
    config: Path, postfix: Postfix
) -> None:
    postfix.send(mail("acme", "one"), "orders+acme@in.test", "orders+beta@in.test")
    postfix.wait_for("status=sent", times=2)

    facts = postroom(config, "fetch", "--once", "--json").objects()[0]

    assert (facts["taken"], facts["duplicates"], facts["quarantined"], facts["documents"]) == (2, 0, 0, 2)
    messages = postroom(config, "messages", "--json").objects()
    assert sorted((row["org"], row["source_message_id"]) for row in messages) == [
        ("acme", "<one@customer.test>"),
        ("beta", "<one@customer.test>"),
    ]


def test_recipient_headers_that_the_sender_forged_decide_nothing(config: Path, postfix: Postfix) -> None:
    forged = b"X-Original-To: orders+beta@in.test\r\nDelivered-To: orders+beta@in.test\r\n"

    postfix.send(forged + mail("beta", "one"), "orders+acme@in.test")
    postfix.wait_for("status=sent")
    postroom(config, "fetch", "--once")

    assert [row["org"] for row in postroom(config, "messages", "--json").objects()] == ["acme"]


def test_every_mail_of_a_load_becomes_a_row(config: Path, postfix: Postfix) -> None:
    smtp_source(postfix.port, "orders+acme@in.test", mails=200, sessions=20)
    postfix.wait_for("status=sent", times=200)

    facts = postroom(config, "fetch", "--once", "--json").objects()[0]

    assert (facts["taken"], facts["quarantined"]) == (200, 0)
