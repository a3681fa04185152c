"""The main job on real input: a shared mailbox on a real Dovecot, and a Maildir, become documents."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
from collections import Counter
from pathlib import Path

import pytest

from postroom import maildir
from tests.command import postroom
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.imap_server import ImapServer

ORGS = ("acme", "beta", "gamma")
_users = itertools.count(1)
RECEIVED = "Received: from mx.test by mail.test; Mon, 02 Nov 2026 08:00:00 +0000"


def mail(org: str, number: str, *, body: str = "please find attached", forged: str = "") -> bytes:
    """Return a mail with one PDF whose bytes name org and number; `forged` is a header below the Received."""
    pdf = base64.b64encode(f"%PDF-1.4 {org} {number} {body}".encode()).decode()
    lines = [
        f"Delivered-To: orders+{org}@in.test",
        RECEIVED,
        *([forged] if forged else []),
        "From: buyer@customer.test",
        f"To: orders+{org}@in.test",
        f"Subject: order {number}",
        f"Message-ID: <{number}@customer.test>",
        "MIME-Version: 1.0",
        "Content-Type: multipart/mixed; boundary=cut",
        "",
        "--cut",
        "Content-Type: text/plain",
        "",
        body,
        "--cut",
        f'Content-Type: application/pdf; name="{number}.pdf"',
        "Content-Disposition: attachment",
        "Content-Transfer-Encoding: base64",
        "",
        pdf,
        "--cut--",
        "",
    ]
    return "\n".join(lines).encode()


def thirty_mails() -> list[bytes]:
    """Return 23 plain orders and seven mails that each want to trip us."""
    orders = [mail(ORGS[number % 3], f"order-{number}") for number in range(23)]
    return [
        *orders,
        orders[0],
        orders[1],
        mail("acme", "forged", forged="Delivered-To: orders+beta@in.test"),
        mail("nope", "unknown-org"),
        mail("acme", "order-0", body="another order under the same Message-ID"),
        mail("acme", "two-recipients"),
        mail("beta", "two-recipients"),
    ]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "postroom.toml"
    path.write_text(
        f'state_dir = "{tmp_path}/state"\n[orgs]\naddress = "orders+{{org}}@in.test"\n'
        + "".join(f"[org.{org}]\n" for org in ORGS)
    )
    path.chmod(0o600)
    return path


@pytest.fixture
def mailbox(config: Path, imap_server: ImapServer) -> str:
    """Configure a mailbox that every mail is delivered to, and return its user."""
    user = f"shared{next(_users)}"
    imap_server.add_user(user)
    with config.open("a") as file:
        file.write(
            f'[mailbox.orders]\nhost = "localhost"\nport = {imap_server.tls_port}\n'
            f'tls_ca = "{imap_server.ca}"\n'
            f'user = "{user}"\npassword = "{PASSWORD}"\nsince = "all"\nafter = "seen"\n'
        )
    return user


def bodies_fetched(dovecot: Dovecot, user: str) -> int:
    """Return how many bodies Dovecot says it has sent to `user` over all sessions."""
    lines = [line for line in dovecot.log().splitlines() if f"imap({user})" in line]
    return sum(int(found[1]) for line in lines if (found := re.search(r"body_count=(\d+)", line)))


def test_thirty_mails_of_three_orgs_become_rows_and_documents(
    config: Path, mailbox: str, imap_server: ImapServer
) -> None:
    for raw in thirty_mails():
        imap_server.deliver(mailbox, raw)

    done = postroom(config, "fetch", "--once", "--json")

    facts = done.objects()[0]
    assert {name: facts[name] for name in ("taken", "duplicates", "quarantined", "failed", "documents")} == {
        "taken": 27,
        "duplicates": 2,
        "quarantined": 1,
        "failed": 0,
        "documents": 27,
    }
    messages = postroom(config, "messages", "--json").objects()
    assert Counter(row["org"] for row in messages) == {"acme": 11, "beta": 9, "gamma": 7}
    assert {row["status"] for row in messages} == {"parsed"}
    assert [row["org"] for row in messages if row["source_message_id"] == "<forged@customer.test>"] == [
        "acme"
    ]
    assert sorted(
        row["org"] for row in messages if row["source_message_id"] == "<two-recipients@customer.test>"
    ) == [
        "acme",
        "beta",
    ]
    conflict = [row for row in messages if row["conflict"]]
    assert [row["source_message_id"].startswith("<order-0@customer.test>#") for row in conflict] == [True]
    assert sum(row["duplicates"] for row in messages) == 2
    held = postroom(config, "quarantine", "list", "--json").objects()
    assert [(entry["source"], entry["reason"]) for entry in held] == [("orders", 'no org "nope"')]


def test_the_documents_are_the_attached_bytes(
    config: Path, mailbox: str, imap_server: ImapServer, tmp_path: Path
) -> None:
    imap_server.deliver(mailbox, mail("acme", "one"))
    postroom(config, "fetch", "--once")

    document = postroom(config, "documents", "acme", "--json").objects()[0]
    postroom(config, "documents", "--get", document["id"], "-o", str(tmp_path / "out.pdf"))

    assert document["filename"] == "one.pdf"
    assert (tmp_path / "out.pdf").read_bytes() == b"%PDF-1.4 acme one please find attached"
    assert document["sha256"] == hashlib.sha256(b"%PDF-1.4 acme one please find attached").hexdigest()


@pytest.mark.needs("a log")
def test_a_second_round_fetches_no_body_and_changes_nothing(
    config: Path, mailbox: str, dovecot: Dovecot
) -> None:
    for raw in thirty_mails():
        dovecot.deliver(mailbox, raw)
    postroom(config, "fetch", "--once")
    rows, fetched = postroom(config, "messages", "--json").out, bodies_fetched(dovecot, mailbox)

    again = postroom(config, "fetch", "--once", "--json").objects()[0]

    assert (again["taken"], again["duplicates"], again["quarantined"], again["documents"]) == (0, 0, 0, 0)
    assert fetched == 30
    assert bodies_fetched(dovecot, mailbox) == 30
    assert postroom(config, "messages", "--json").out == rows


@pytest.mark.needs("renumbering", "a log")
def test_a_uidvalidity_change_doubles_nothing_and_loses_nothing(
    config: Path, mailbox: str, dovecot: Dovecot
) -> None:
    for raw in thirty_mails():
        dovecot.deliver(mailbox, raw)
    postroom(config, "fetch", "--once")
    rows, fetched = postroom(config, "messages", "--json").out, bodies_fetched(dovecot, mailbox)

    dovecot.change_uidvalidity(mailbox, 4711)
    dovecot.deliver(mailbox, mail("gamma", "after-the-change"))
    facts = postroom(config, "fetch", "--once", "--json").objects()[0]

    assert (facts["taken"], facts["duplicates"], facts["quarantined"]) == (1, 0, 0)
    assert bodies_fetched(dovecot, mailbox) == fetched + 1
    later = postroom(config, "messages", "--json").objects()
    assert [row["id"] in rows for row in later].count(False) == 1


def test_a_mail_that_an_mta_puts_into_a_maildir_becomes_documents(config: Path, tmp_path: Path) -> None:
    with config.open("a") as file:
        file.write(f'[maildir.intake]\npath = "{tmp_path}/Maildir"\n')
    maildir.create(tmp_path / "Maildir")
    for raw in thirty_mails():
        maildir.deliver(tmp_path / "Maildir", raw)

    facts = postroom(config, "fetch", "--once", "--json").objects()[0]

    assert (facts["taken"], facts["duplicates"], facts["quarantined"], facts["documents"]) == (27, 2, 1, 27)
    assert list((tmp_path / "Maildir" / "new").iterdir()) == []


def test_the_same_mail_by_imap_and_by_maildir_is_one_message(
    config: Path, mailbox: str, imap_server: ImapServer, tmp_path: Path
) -> None:
    with config.open("a") as file:
        file.write(f'[maildir.intake]\npath = "{tmp_path}/Maildir"\n')
    maildir.create(tmp_path / "Maildir")
    imap_server.deliver(mailbox, mail("acme", "both-ways"))
    maildir.deliver(tmp_path / "Maildir", b"Return-Path: <x@y.test>\n" + mail("acme", "both-ways"))

    facts = postroom(config, "fetch", "--once", "--json").objects()[0]

    assert (facts["sources"], facts["taken"], facts["duplicates"]) == (2, 1, 1)


def test_a_mail_over_the_limit_is_held_by_its_header_and_never_taken_away(
    config: Path, mailbox: str, imap_server: ImapServer
) -> None:
    config.write_text(
        config.read_text().replace('after = "seen"', 'after = "delete"\n[limits]\nmessage = "100KB"')
    )
    imap_server.deliver(mailbox, mail("acme", "small"))
    imap_server.deliver(mailbox, mail("acme", "huge", body="x" * 200_000))

    first = postroom(config, "fetch", "--once", "--json").objects()[0]
    second = postroom(config, "fetch", "--once", "--json").objects()[0]

    assert (first["taken"], first["quarantined"]) == (1, 1)
    assert (second["taken"], second["quarantined"]) == (0, 0)
    assert imap_server.flags(mailbox) == [""]
    held = postroom(config, "quarantine", "list", "--json").objects()[0]
    assert held["size"] > 200_000
    assert "over limits.message (100000)" in held["reason"]
