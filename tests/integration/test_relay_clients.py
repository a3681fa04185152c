"""Real clients at the relay: smtplib, swaks, msmtp, Postfix's smtp-source, and a real Postfix over LMTP."""

from __future__ import annotations

import smtplib
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.integration.test_relay_unhurt import certificates, context
from tests.servers.certificates import Certificates
from tests.servers.fixtures import postfix_root, program, running_postfix
from tests.servers.postfix import Postfix, smtp_source
from tests.servers.relay import BOUNDS, TO_ACME, TO_BETA, RunningRelay, running_relay
from tests.servers.waiting import wait_until

__all__ = ["certificates", "postfix_root"]

MAIL = b"From: a@b.example\r\nSubject: order\r\n\r\n.one dot\r\n"


@pytest.fixture
def relay(tmp_path: Path, certificates: Certificates) -> Iterator[RunningRelay]:
    with running_relay(tmp_path / "Maildir", starttls=context(certificates)) as running:
        yield running


def test_smtplib_over_starttls(relay: RunningRelay) -> None:
    with smtplib.SMTP("127.0.0.1", relay.port, timeout=20) as client:
        client.starttls()
        refused = client.sendmail("a@b.example", [TO_ACME, "orders+nope@in.example"], MAIL)

    assert {who: code for who, (code, _) in refused.items()} == {"orders+nope@in.example": 550}
    (mail,) = relay.mails()
    assert mail.endswith(MAIL)
    assert b"with ESMTPS id" in mail


def test_smtplib_with_addresses_and_text_beyond_ascii(relay: RunningRelay) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "größe@b.example", TO_ACME, "Bestellung"
    message.set_content("Grüße\n", cte="8bit")

    with smtplib.SMTP("127.0.0.1", relay.port, timeout=20) as client:
        client.send_message(message)

    (mail,) = relay.mails()
    assert mail.startswith("Return-Path: <größe@b.example>\r\n".encode())
    assert b"with UTF8SMTP id" in mail
    assert "Grüße".encode() in mail


def test_swaks_with_two_recipients_and_an_attachment(relay: RunningRelay, tmp_path: Path) -> None:
    (tmp_path / "lines.csv").write_bytes(b"a;b\n1;2\n")

    done = subprocess.run(
        [
            program("swaks"), "--server", f"127.0.0.1:{relay.port}", "--from", "a@b.example",
            "--to", f"{TO_ACME},{TO_BETA}", "--attach", f"@{tmp_path}/lines.csv",
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout
    assert sorted(mail.split(b"\r\n")[1] for mail in relay.mails()) == [
        b"X-Original-To: orders+acme@in.example",
        b"X-Original-To: orders+beta@in.example",
    ]


def test_swaks_hears_of_an_unknown_org(relay: RunningRelay) -> None:
    done = subprocess.run(
        [program("swaks"), "--server", f"127.0.0.1:{relay.port}", "--to", "orders+nope@in.example"],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )

    assert done.returncode == 24, "swaks: no recipient was accepted"
    assert "550 5.1.1" in done.stdout


def test_msmtp(relay: RunningRelay) -> None:
    done = subprocess.run(
        [
            program("msmtp"), "--host=127.0.0.1", f"--port={relay.port}", "--from=a@b.example", "--tls=off",
            "--auth=off", TO_ACME,
        ],
        input=MAIL,
        capture_output=True,
        check=False,
        timeout=50,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert relay.mails()[0].endswith(b".one dot\r\n")


@pytest.mark.postfix
def test_every_mail_of_smtp_source_is_there(relay: RunningRelay, postfix_root: Path) -> None:
    smtp_source(relay.port, TO_ACME, mails=200, sessions=50)

    assert len(relay.mails()) == 200
    assert relay.leftovers() == []


# --- LMTP ----------------------------------------------------------------------------------------


@pytest.fixture
def lmtp(tmp_path: Path) -> Iterator[RunningRelay]:
    bounds = replace(BOUNDS, idle_seconds=300.0, session_seconds=600.0)
    with running_relay(tmp_path / "Maildir", lmtp=True, bounds=bounds) as running:
        yield running


@pytest.fixture
def postfix(postfix_root: Path, lmtp: RunningRelay) -> Iterator[Postfix]:
    """A Postfix that hands its mail to the relay."""
    main = f"""
virtual_mailbox_domains = in.example
virtual_transport = lmtp:inet:127.0.0.1:{lmtp.port}
smtpd_relay_restrictions = permit_mynetworks, reject
"""
    with running_postfix(postfix_root, main=main) as server:
        yield server


@pytest.mark.postfix
def test_postfix_delivers_to_one_recipient_and_bounces_the_other_at_once(
    postfix: Postfix, lmtp: RunningRelay
) -> None:
    postfix.send(MAIL, TO_ACME, "orders+nope@in.example", TO_BETA)

    sent = postfix.wait_for(r"to=<(\S+)>, .*status=sent \(250 2.0.0 accepted as", times=2)
    bounced = postfix.wait_for(r"to=<(orders\S+)>, .*status=bounced \(.*550 5.1.1")
    wait_until(lambda: TO_ACME not in str(postfix.queue()), "the queue is empty")
    assert (sorted(sent), bounced) == ([TO_ACME, TO_BETA], ["orders+nope@in.example"])
    assert sorted(mail.split(b"\r\n")[1] for mail in lmtp.mails()) == [
        b"X-Original-To: orders+acme@in.example",
        b"X-Original-To: orders+beta@in.example",
    ]
    assert all(b"with LMTP id" in mail for mail in lmtp.mails())


def test_lmtp_answers_once_for_each_recipient(lmtp: RunningRelay) -> None:
    with lmtp.dialogue(greeted=False) as dialogue:
        dialogue.read()
        refused = [dialogue.say(line)[:9] for line in ("EHLO x", "HELO x", "MAIL FROM:<a@b.example>")]
        dialogue.say("LHLO client.example")
        dialogue.begin(TO_ACME, TO_BETA, TO_ACME)
        dialogue.send(MAIL + b".\r\nNOOP\r\n")
        said = [dialogue.read()[:9] for _ in range(4)]

    assert refused == ["500 5.5.1", "500 5.5.1", "503 5.5.1"]
    assert said == ["250 2.0.0"] * 4
    assert len(lmtp.mails()) == 2
