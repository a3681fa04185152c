"""Every reply code of the relay, each with what brings it about."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path

import pytest

from postroom.errors import DatabaseUnavailable, MaildirUnusable, RelayUnusable
from tests.servers.relay import BOUNDS, TO_ACME, TO_BETA, Dialogue, RunningRelay, running_relay
from tests.servers.waiting import wait_until

MAIL = "MAIL FROM:<a@b.example>"


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[RunningRelay]:
    with running_relay(tmp_path / "Maildir") as running:
        yield running


@pytest.mark.parametrize(
    ("lines", "replies"),
    [
        pytest.param(["NOOP", "NOOP x"], ["250 2.0.0", "250 2.0.0"], id="nothing"),
        pytest.param(["HELP", "HELP MAIL", "HELP X"], ["250 2.0.0", "250 2.0.0", "501 5.5.4"], id="help"),
        pytest.param(["VRFY <a@b.example>", "VRFY"], ["252 2.5.0", "501 5.5.4"], id="verify"),
        pytest.param(["EXPN x", "AUTH PLAIN x", "STARTTLS"], ["502 5.5.1"] * 3, id="not here"),
        pytest.param(["BDAT 5", "XCLIENT a"], ["500 5.5.2"] * 2, id="unknown commands"),
        pytest.param(["", "M\u00e4IL x"], ["500 5.5.2"] * 2, id="no command"),
        pytest.param(["EHLO", "HELO"], ["501 5.5.4"] * 2, id="no name"),
        pytest.param([f"RCPT TO:<{TO_ACME}>", "DATA"], ["503 5.5.1"] * 2, id="out of order"),
        pytest.param([MAIL, MAIL], ["250 2.1.0", "503 5.5.1"], id="MAIL twice"),
        pytest.param([MAIL, "DATA"], ["250 2.1.0", "503 5.5.1"], id="no recipient"),
        pytest.param([MAIL, "RSET", "DATA"], ["250 2.1.0", "250 2.0.0", "503 5.5.1"], id="reset"),
        pytest.param(["RSET x", "QUIT x"], ["501 5.5.4"] * 2, id="parameters where none are"),
        pytest.param(["MAIL", "MAIL <a@b>", "RCPT"], ["501 5.5.4"] * 2 + ["503 5.5.1"], id="syntax"),
        pytest.param(["MAIL FROM:<a b>"], ["553 5.1.3"], id="no address as sender"),
        pytest.param(["MAIL FROM:<\u00e9@b.example>"], ["553 5.6.7"], id="beyond ASCII unannounced"),
        pytest.param(["MAIL FROM:<\u00e9@b.example> SMTPUTF8"], ["250 2.1.0"], id="beyond ASCII announced"),
        pytest.param([MAIL + " BODY=8BITMIME"], ["250 2.1.0"], id="eight bits"),
        pytest.param([MAIL + " BODY=BINARYMIME"], ["501 5.5.4"], id="binary"),
        pytest.param([MAIL + " SIZE=1000000"], ["250 2.1.0"], id="a size that is fine"),
        pytest.param([MAIL + " SIZE=1000001"], ["552 5.3.4"], id="a size that is not"),
        pytest.param([MAIL + " SIZE=x"], ["501 5.5.4"], id="a size that is none"),
        pytest.param([MAIL + " RET=FULL"], ["555 5.5.4"], id="a parameter nobody offered"),
        pytest.param([MAIL, f"RCPT TO:<{TO_ACME}>"], ["250 2.1.0", "250 2.1.5"], id="a known org"),
        pytest.param([MAIL, "RCPT TO:<orders+nope@in.example>"], ["250 2.1.0", "550 5.1.1"], id="unknown"),
        pytest.param([MAIL, "RCPT TO:<info@in.example>"], ["250 2.1.0", "550 5.1.1"], id="no org in it"),
        pytest.param([MAIL, "RCPT TO:<x@else.example>"], ["250 2.1.0", "550 5.7.1"], id="no open relay"),
        pytest.param([MAIL, "RCPT TO:<postmaster>"], ["250 2.1.0", "550 5.1.1"], id="postmaster"),
        pytest.param([MAIL, "RCPT TO:<>"], ["250 2.1.0", "553 5.1.3"], id="nobody"),
        pytest.param([MAIL, "RCPT TO:<a@b,c@d>"], ["250 2.1.0", "553 5.1.3"], id="two at once"),
        pytest.param(
            [MAIL, f"RCPT TO:<{TO_ACME}> NOTIFY=NEVER"], ["250 2.1.0", "555 5.5.4"], id="no DSN here"
        ),
        pytest.param(["NOOP " + "x" * 1000], ["500 5.5.2"], id="a line that is a little too long"),
        pytest.param(["x" * 5000], ["500 5.5.2"], id="a line that is much too long"),
        pytest.param(["x"] * 5, ["500 5.5.2"] * 4 + ["502 5.5.1"], id="nonsense again and again"),
        pytest.param(["QUIT"], ["221 2.0.0"], id="goodbye"),
    ],
)
def test_each_line_gets_its_reply(relay: RunningRelay, lines: list[str], replies: list[str]) -> None:
    with relay.dialogue() as dialogue:
        said = [dialogue.say(line) for line in lines]

    assert [line[:9] for line in said] == replies
    assert relay.mails() == []


def test_nothing_is_taken_before_the_client_says_who_it_is(relay: RunningRelay) -> None:
    with relay.dialogue(greeted=False) as dialogue:
        greeting = dialogue.read()
        said = [dialogue.say(line)[:9] for line in (MAIL, f"RCPT TO:<{TO_ACME}>", "DATA")]

    assert greeting == "220 relay.test postroom"
    assert said == ["503 5.5.1"] * 3


def test_the_extensions_are_offered(relay: RunningRelay) -> None:
    with relay.dialogue(greeted=False) as dialogue:
        dialogue.read()
        said = dialogue.say("EHLO client.example")

    assert said.splitlines() == [
        "250-relay.test",
        "250-SIZE 1000000",
        "250-8BITMIME",
        "250-SMTPUTF8",
        "250-PIPELINING",
        "250 ENHANCEDSTATUSCODES",
    ]


def test_a_client_of_1982_is_served_too(relay: RunningRelay) -> None:
    with relay.dialogue(greeted=False) as dialogue:
        dialogue.read()
        hello = dialogue.say("HELO client.example")
        dialogue.begin()
        taken = dialogue.say("Subject: a\r\n\r\nb\r\n.")

    assert hello == "250 relay.test"
    assert taken.startswith("250 2.0.0 accepted as ")
    assert b"with SMTP id" in relay.mails()[0]


def test_a_message_is_written_with_its_envelope_before_the_reply(relay: RunningRelay) -> None:
    with relay.dialogue() as dialogue:
        dialogue.begin()
        reply = dialogue.say("Delivered-To: orders+beta@in.example\r\nSubject: a\r\n\r\n..b\r\n.")
        (mail,) = relay.mails()

    queue_name = reply.removeprefix("250 2.0.0 accepted as ")
    assert mail.decode() == (
        "Return-Path: <a@b.example>\r\n"
        "X-Original-To: orders+acme@in.example\r\n"
        "Delivered-To: orders+acme@in.example\r\n"
        "Received: from client.example ([127.0.0.1]) by relay.test (postroom) with ESMTP "
        f"id {queue_name}\r\n"
        "\tfor <orders+acme@in.example>; Fri, 02 Jan 2026 03:04:05 +0000\r\n"
        "Subject: a\r\n\r\n.b\r\n"
    )
    assert next((relay.folder / "new").iterdir()).name.startswith(queue_name)


def test_a_bounce_has_the_null_sender(relay: RunningRelay) -> None:
    with relay.dialogue() as dialogue:
        dialogue.begin(sender="")
        dialogue.say("Subject: a\r\n\r\n.")

    assert relay.mails()[0].startswith(b"Return-Path: <>\r\n")


def test_a_client_cannot_write_a_field_by_its_name(relay: RunningRelay) -> None:
    with relay.dialogue() as dialogue:
        dialogue.say("EHLO x) by y; Fri, 02 Jan 2026 00:00:00 +0000 (")
        dialogue.begin()
        dialogue.say("Subject: a\r\n\r\n.")

    assert b"Received: from unknown ([127.0.0.1]) by relay.test" in relay.mails()[0]


def test_pipelined_commands_are_answered_in_their_order(relay: RunningRelay) -> None:
    with relay.dialogue() as dialogue:
        dialogue.send(f"{MAIL}\r\nRCPT TO:<{TO_ACME}>\r\nRCPT TO:<nope@in.example>\r\nDATA\r\n".encode())
        first = [dialogue.read()[:3] for _ in range(4)]
        dialogue.send(f"Subject: a\r\n\r\nb\r\n.\r\n{MAIL}\r\nNOOP\r\nQUIT\r\n".encode())
        second = [dialogue.read()[:3] for _ in range(4)]

    assert (first, second) == (["250", "250", "550", "354"], ["250", "250", "250", "221"])
    assert len(relay.mails()) == 1


def test_a_hundred_recipients_get_a_file_each_and_the_next_is_put_off(tmp_path: Path) -> None:
    recipients = [f"orders-{number}+acme@in.example" for number in range(100)]
    with running_relay(tmp_path / "Maildir", address="*+{org}@in.example") as relay:
        with relay.dialogue() as dialogue:
            dialogue.say(MAIL)
            said = [dialogue.say(f"RCPT TO:<{recipient}>")[:9] for recipient in [*recipients, TO_BETA]]
            dialogue.say("DATA")
            reply = dialogue.say("Subject: a\r\n\r\nb\r\n.")

        mails = relay.mails()

    assert said == ["250 2.1.5"] * 100 + ["452 4.5.3"]
    assert reply.startswith("250 2.0.0")
    assert {mail.split(b"\r\n")[1] for mail in mails} == {
        f"X-Original-To: {recipient}".encode() for recipient in recipients
    }
    assert len(mails) == 100
    assert {mail.split(b"\r\n", 5)[5] for mail in mails} == {b"Subject: a\r\n\r\nb\r\n"}


def test_a_recipient_named_twice_gets_one_file(relay: RunningRelay) -> None:
    with relay.dialogue() as dialogue:
        dialogue.begin(TO_ACME, TO_ACME)
        dialogue.say("Subject: a\r\n\r\nb\r\n.")

    assert len(relay.mails()) == 1


def test_mail_for_an_unknown_org_is_taken_where_the_house_wants_it(tmp_path: Path) -> None:
    with running_relay(tmp_path / "Maildir", takes_unknown=True) as relay, relay.dialogue() as dialogue:
        dialogue.say(MAIL)
        said = [dialogue.say(f"RCPT TO:<{who}>")[:9] for who in ("orders+nope@in.example", "x@else.example")]

    assert said == ["250 2.1.5", "550 5.7.1"]


def test_while_the_directory_is_away_only_known_orgs_are_taken(tmp_path: Path) -> None:
    away: list[bool] = []

    def knows(slug: str) -> bool:
        if away:
            raise DatabaseUnavailable("away")
        return slug == "acme"

    with running_relay(tmp_path / "Maildir", knows_org=knows) as relay, relay.dialogue() as dialogue:
        dialogue.say(MAIL)
        before = dialogue.say(f"RCPT TO:<{TO_ACME}>")[:9]
        away.append(True)
        during = [dialogue.say(f"RCPT TO:<{who}>")[:9] for who in (TO_ACME, TO_BETA)]

    assert before == "250 2.1.5"
    assert during == ["250 2.1.5", "450 4.3.0"]


def test_a_directory_with_a_bug_puts_the_mail_off(tmp_path: Path) -> None:
    def knows(slug: str) -> bool:
        raise KeyError(slug)

    with running_relay(tmp_path / "Maildir", knows_org=knows) as relay, relay.dialogue() as dialogue:
        dialogue.say(MAIL)
        said = dialogue.say(f"RCPT TO:<{TO_ACME}>")

    assert said[:9] == "451 4.3.0"


def test_a_message_beyond_the_limit_is_refused_once_it_is_read(tmp_path: Path) -> None:
    bounds = replace(BOUNDS, message_bytes=2000)
    with running_relay(tmp_path / "Maildir", bounds=bounds) as relay:
        with relay.dialogue() as dialogue:
            dialogue.begin()
            too_big = dialogue.say("Subject: a\r\n\r\n" + "x" * 1986 + "\r\n.")
            dialogue.begin()
            fits = dialogue.say("Subject: a\r\n\r\n" + "x" * 1984 + "\r\n.")

        assert (too_big[:9], fits[:9]) == ("552 5.3.4", "250 2.0.0")
        assert len(relay.mails()) == 1


def lose_the_maildir(folder: Path) -> None:
    for shelf in ("tmp", "new", "cur"):
        (folder / shelf).rmdir()


def test_a_maildir_that_cannot_be_written_puts_the_mail_off(relay: RunningRelay) -> None:
    with relay.dialogue() as dialogue:
        dialogue.begin()
        lose_the_maildir(relay.folder)
        small = dialogue.say("Subject: a\r\n\r\nb\r\n.")
        dialogue.begin()
        big = dialogue.say("Subject: a\r\n\r\n" + "x" * 600_000 + "\r\n.")

    assert (small[:9], big[:9]) == ("451 4.3.0", "451 4.3.0")


@pytest.mark.parametrize("broken", ["fsync", "rename"])
def test_a_disk_that_fails_puts_the_mail_off_and_nothing_is_left(
    relay: RunningRelay, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with relay.dialogue() as dialogue:
        dialogue.begin(TO_ACME, TO_BETA)
        monkeypatch.setattr(os, broken, fail)
        said = dialogue.say("Subject: a\r\n\r\nb\r\n.")

    assert said[:9] == "451 4.3.0"
    assert relay.mails() == []
    assert relay.leftovers() == []


def test_a_folder_that_cannot_be_synced_is_no_250(
    relay: RunningRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync

    def fail_for_folders(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        fsync(handle)

    with relay.dialogue() as dialogue:
        dialogue.begin()
        monkeypatch.setattr(os, "fsync", fail_for_folders)
        said = dialogue.say("Subject: a\r\n\r\nb\r\n.")

    assert said[:9] == "451 4.3.0"


def test_a_full_disk_is_said_to_be_one(relay: RunningRelay, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with relay.dialogue() as dialogue:
        dialogue.begin()
        monkeypatch.setattr(os, "fsync", fail)
        said = dialogue.say("Subject: a\r\n\r\nb\r\n.")

    assert said[:9] == "452 4.3.1"


def test_turned_away_is_who_comes_from_elsewhere(tmp_path: Path) -> None:
    with (
        running_relay(tmp_path / "Maildir", allow=[ip_network("192.0.2.0/24")]) as relay,
        relay.dialogue(greeted=False) as dialogue,
    ):
        said = [dialogue.read(), dialogue.read()]

    assert said == ["554 5.7.1 this server takes no mail from your address", ""]


def test_the_session_beyond_the_cap_is_put_off(tmp_path: Path) -> None:
    with running_relay(tmp_path / "Maildir", bounds=replace(BOUNDS, sessions=1)) as relay:
        with relay.dialogue(), relay.dialogue(greeted=False) as second:
            said = [second.read(), second.read()]

        wait_until(lambda: lets_in(relay), "the session that ended makes room")

    assert said == ["421 4.7.0 too many connections, try again later", ""]


def lets_in(relay: RunningRelay) -> bool:
    with relay.dialogue(greeted=False) as dialogue:
        return dialogue.read().startswith("220 ")


def test_a_relay_that_goes_down_says_so(tmp_path: Path) -> None:
    with running_relay(tmp_path / "Maildir") as relay:
        dialogue = Dialogue(socket.create_connection(("127.0.0.1", relay.port), timeout=20))
        dialogue.read()
    said = [dialogue.read(), dialogue.read()]
    dialogue.close()

    assert said == ["421 4.3.2 going down, try again later", ""]


def test_a_place_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        place = ("127.0.0.1", other.getsockname()[1])

        with (
            pytest.raises(RelayUnusable, match=r"cannot listen on 127\.0\.0\.1"),
            running_relay(tmp_path / "Maildir", listen=[place]),
        ):
            pass


def test_a_dead_socket_is_replaced_and_a_living_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "lmtp.sock"
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(path))
    dead.close()

    with running_relay(tmp_path / "Maildir", listen=[path]) as relay:
        assert relay.places == [f"unix:{path}"]
        assert stat.S_IMODE(path.stat().st_mode) == 0o666
        with (
            pytest.raises(RelayUnusable, match="cannot listen on unix:"),
            running_relay(tmp_path / "Maildir", listen=[path]),
        ):
            pass

    assert not path.exists()


def test_a_maildir_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    with (
        pytest.raises(MaildirUnusable, match="cannot create"),
        running_relay(tmp_path / "file" / "Maildir"),
    ):
        pass


def test_a_client_on_a_unix_socket_is_named_as_such(tmp_path: Path) -> None:
    path = tmp_path / "lmtp.sock"

    with (
        running_relay(tmp_path / "Maildir", listen=[path], lmtp=True) as relay,
        closing(Dialogue(socket.socket(socket.AF_UNIX))) as dialogue,
    ):
        dialogue.connection.connect(os.fspath(path))
        dialogue.read()
        dialogue.say("LHLO client.example")
        dialogue.begin()
        dialogue.say("Subject: a\r\n\r\nb\r\n.")

        assert b"from client.example (local socket) by relay.test (postroom) with LMTP id" in relay.mails()[0]
