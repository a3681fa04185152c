"""What a hostile or broken client does to the relay: nothing."""

from __future__ import annotations

import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.servers.certificates import Certificates, make_certificates
from tests.servers.relay import BOUNDS, TO_ACME, Dialogue, RunningRelay, running_relay
from tests.servers.relay_process import RelayProcess, relay_process
from tests.servers.waiting import wait_until
from tests.unit.smtp_relay.test_end_of_data import SMUGGLED

MB = 1_000_000
NO_LINGER = struct.pack("ii", 1, 0)  # close by a reset
MAIL = b"MAIL FROM:<a@b.example>\r\n"


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[RunningRelay]:
    with running_relay(tmp_path / "Maildir") as running:
        yield running


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


def context(certificates: Certificates) -> ssl.SSLContext:
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    made.load_cert_chain(certificates.server, certificates.key)
    return made


def talk(process: RelayProcess) -> Dialogue:
    dialogue = Dialogue(socket.create_connection(("127.0.0.1", process.port), timeout=50))
    dialogue.read()
    dialogue.say("EHLO client.example")
    return dialogue


# --- smuggling and injection ---------------------------------------------------------------------


@pytest.mark.parametrize("smuggled", SMUGGLED)
def test_no_second_mail_is_smuggled_in(relay: RunningRelay, smuggled: bytes) -> None:
    second = MAIL + f"RCPT TO:<{TO_ACME}>\r\nDATA\r\nSubject: smuggled\r\n\r\n".encode()

    with relay.dialogue() as dialogue:
        dialogue.begin()
        dialogue.send(b"Subject: first\r\n\r\nbody" + smuggled + second + b".\r\nNOOP\r\n")
        said = [dialogue.read()[:9] for _ in range(2)]

    assert said == ["250 2.0.0", "250 2.0.0"]
    (mail,) = relay.mails()
    assert mail.endswith(b"Subject: smuggled\r\n\r\n")


def test_commands_in_plain_text_do_not_get_into_the_encrypted_session(
    tmp_path: Path, certificates: Certificates
) -> None:
    with (
        running_relay(tmp_path / "Maildir", starttls=context(certificates)) as relay,
        relay.dialogue() as dialogue,
    ):
        dialogue.send(b"STARTTLS\r\n" + MAIL + b"NOOP injected\r\n")
        ready = dialogue.read()
        dialogue.encrypt()
        said = [dialogue.say("RCPT TO:<x@y>")[:9], dialogue.say("EHLO again")[:14], dialogue.say("DATA")[:9]]

    assert ready == "220 2.0.0 ready to start TLS"
    assert said == ["503 5.5.1", "250-relay.test", "503 5.5.1"]


def test_what_was_said_before_starttls_counts_no_more(tmp_path: Path, certificates: Certificates) -> None:
    with (
        running_relay(tmp_path / "Maildir", starttls=context(certificates)) as relay,
        relay.dialogue() as dialogue,
    ):
        dialogue.say("MAIL FROM:<a@b.example>")
        dialogue.say("STARTTLS")
        dialogue.encrypt()
        said = [dialogue.say(f"RCPT TO:<{TO_ACME}>")[:9], dialogue.say("EHLO client.example")]
        dialogue.begin()
        dialogue.say("Subject: a\r\n\r\nb\r\n.")

    assert said[0] == "503 5.5.1"
    assert "STARTTLS" not in said[1]
    assert b"with ESMTPS id" in relay.mails()[0]


def test_a_house_that_wants_tls_takes_no_mail_without(tmp_path: Path, certificates: Certificates) -> None:
    with (
        running_relay(tmp_path / "Maildir", starttls=context(certificates), requires_tls=True) as relay,
        relay.dialogue() as dialogue,
    ):
        before = dialogue.say("MAIL FROM:<a@b.example>")
        dialogue.say("STARTTLS")
        dialogue.encrypt()
        dialogue.say("EHLO client.example")
        after = dialogue.say("MAIL FROM:<a@b.example>")

    assert (before[:9], after[:9]) == ("530 5.7.0", "250 2.1.0")


def test_tls_from_the_first_byte(tmp_path: Path, certificates: Certificates) -> None:
    with (
        running_relay(tmp_path / "Maildir", implicit_tls=context(certificates)) as relay,
        relay.dialogue(greeted=False) as dialogue,
    ):
        dialogue.encrypt()
        greeting = dialogue.read()
        offered = dialogue.say("EHLO client.example")
        dialogue.begin()
        dialogue.say("Subject: a\r\n\r\nb\r\n.")
        dialogue.say("QUIT")

    assert greeting == "220 relay.test postroom"
    assert "STARTTLS" not in offered
    assert b"with ESMTPS id" in relay.mails()[0]


def test_a_handshake_that_is_none_ends_the_session_and_no_other(
    tmp_path: Path, certificates: Certificates
) -> None:
    with (
        running_relay(tmp_path / "Maildir", starttls=context(certificates)) as relay,
        relay.dialogue() as honest,
        relay.dialogue() as dialogue,
    ):
        dialogue.say("STARTTLS")
        dialogue.send(b"this is no TLS\r\n" * 10)
        said = dialogue.read()
        other = honest.say("NOOP")

    assert not said.startswith("250")
    assert other == "250 2.0.0 OK"


# --- time ----------------------------------------------------------------------------------------


def test_a_silent_client_is_put_out(tmp_path: Path) -> None:
    with running_relay(tmp_path / "Maildir", bounds=replace(BOUNDS, idle_seconds=0.2)) as relay:
        with relay.dialogue() as dialogue:
            said = [dialogue.read(), dialogue.read()]
        with relay.dialogue() as dialogue:
            dialogue.begin()
            in_data = dialogue.read()

    assert said == ["421 4.4.2 idle too long, closing the connection", ""]
    assert in_data == said[0]
    assert relay.mails() == []
    assert relay.leftovers() == []


def test_a_client_that_drips_is_put_out_in_the_end(tmp_path: Path) -> None:
    bounds = replace(BOUNDS, idle_seconds=5.0, session_seconds=0.5)
    with running_relay(tmp_path / "Maildir", bounds=bounds) as relay, relay.dialogue() as dialogue:
        dialogue.begin()
        dialogue.connection.settimeout(0.02)
        said = drip(dialogue)

    assert said == "421 4.4.2 this connection was open too long, closing it"
    assert relay.mails() == []


def drip(dialogue: Dialogue) -> str:
    """Send a byte at a time until the relay has enough, and return what it says then."""
    for _ in range(3000):
        dialogue.send(b"x")
        try:
            return dialogue.connection.recv(200).decode().strip()
        except TimeoutError:
            continue
    return ""


def test_five_hundred_idle_sessions_keep_nobody_out(tmp_path: Path) -> None:
    with running_relay(tmp_path / "Maildir") as relay, ExitStack() as idle:
        for _ in range(500):
            idle.enter_context(relay.dialogue(greeted=False))

        with relay.dialogue() as dialogue:
            dialogue.begin()
            said = dialogue.say("Subject: a\r\n\r\nb\r\n.")

        assert said.startswith("250 2.0.0")
        assert len(relay.mails()) == 1


@pytest.mark.parametrize("reset", [True, False], ids=["by a reset", "by its end"])
@pytest.mark.parametrize("tls", ["starttls", "implicit_tls"])
def test_a_client_that_breaks_off_in_a_handshake_leaves_its_place(
    tmp_path: Path, certificates: Certificates, tls: str, *, reset: bool
) -> None:
    made = context(certificates)
    with running_relay(tmp_path / "Maildir", bounds=replace(BOUNDS, sessions=1), **{tls: made}) as relay:
        with relay.dialogue(greeted=tls == "starttls") as dialogue:
            if tls == "starttls":
                dialogue.say("STARTTLS")
            dialogue.send(b"\x16\x03\x01")  # as a handshake begins
            if reset:
                dialogue.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)

        wait_until(lambda: is_free(relay, encrypted=tls == "implicit_tls"), "a free place")


def test_a_client_that_begins_no_handshake_has_a_place_and_loses_it(
    tmp_path: Path, certificates: Certificates
) -> None:
    bounds = replace(BOUNDS, sessions=1, idle_seconds=0.5)
    with (
        running_relay(tmp_path / "Maildir", bounds=bounds, implicit_tls=context(certificates)) as relay,
        relay.dialogue(greeted=False) as silent,
    ):
        was_full = not is_free(relay, encrypted=True)
        silent_heard = silent.read()
        wait_until(lambda: is_free(relay, encrypted=True), "a free place")

    assert was_full
    assert silent_heard == ""


def is_free(relay: RunningRelay, *, encrypted: bool) -> bool:
    """Return whether a new client is greeted."""
    with relay.dialogue(greeted=False) as dialogue:
        try:
            if encrypted:
                dialogue.encrypt()
        except OSError:
            return False
        return dialogue.read().startswith("220 ")


# --- memory --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RelayProcess]:
    """A `postroom relay` of its own, whose memory can be looked at."""
    with relay_process(tmp_path_factory.mktemp("relay"), 'max_message = "52MB"') as running:
        yield running


@pytest.mark.timeout(180)
def test_data_without_an_end_and_without_a_line_costs_no_memory_and_is_cut(tmp_path: Path) -> None:
    with relay_process(tmp_path, 'max_message = "1MB"') as process:
        before = process.begin_peak()
        dialogue = talk(process)
        dialogue.begin()
        sent = pour(dialogue, 150 * MB)
        after = process.rss_bytes("VmHWM")
        dialogue.close()

    assert sent < 10 * MB
    assert after - before < 10 * MB


@pytest.mark.timeout(180)
def test_a_command_line_without_an_end_costs_no_memory(process: RelayProcess) -> None:
    before = process.begin_peak()
    dialogue = talk(process)
    sent = pour(dialogue, 150 * MB)
    after = process.rss_bytes("VmHWM")
    dialogue.close()

    assert sent == 150 * MB
    assert after - before < 10 * MB


def pour(dialogue: Dialogue, most_bytes: int) -> int:
    """Send up to so many bytes without a line end; return how many went before the relay closed."""
    block, sent = b"x" * 100_000, 0
    try:
        while sent < most_bytes:
            dialogue.send(block)
            sent += len(block)
    except (ConnectionResetError, BrokenPipeError):
        pass
    return sent


@pytest.mark.timeout(180)
@pytest.mark.parametrize("megabytes", [25, 50])
def test_a_big_mail_arrives_whole_and_costs_little_memory(process: RelayProcess, megabytes: int) -> None:
    line = b"0123456789abcdef" * 62 + b"\r\n"  # 994 bytes
    body = line * (megabytes * MB // len(line))
    before = process.begin_peak()
    dialogue = talk(process)
    dialogue.begin("orders+acme@in.example", "orders+beta@in.example")

    dialogue.send(f"Subject: {megabytes}\r\n\r\n".encode() + body + b".\r\n")
    said = dialogue.read()

    after = process.rss_bytes("VmHWM")
    dialogue.close()
    queue_name = said.removeprefix("250 2.0.0 accepted as ")
    mails = list((process.maildir / "new").glob(f"{queue_name}*"))
    assert len(mails) == 2
    assert all(path.read_bytes().endswith(b"\r\n\r\n" + body) for path in mails)
    assert after - before < 20 * MB


def test_a_line_may_be_as_long_as_a_message(relay: RunningRelay) -> None:
    line = b"x" * 900_000

    with relay.dialogue() as dialogue:
        dialogue.begin()
        dialogue.send(b"Subject: long\r\n\r\n" + line + b"\r\n.\r\n")
        said = dialogue.read()

    assert said.startswith("250 2.0.0")
    assert relay.mails()[0].endswith(line + b"\r\n")
    assert relay.leftovers() == []


def test_a_client_that_leaves_in_the_middle_leaves_nothing(relay: RunningRelay) -> None:
    with relay.dialogue() as dialogue:
        dialogue.begin()
        dialogue.send(b"Subject: half\r\n\r\n" + b"x" * 700_000)
    with relay.dialogue() as dialogue:
        said = dialogue.say("NOOP")

    assert said == "250 2.0.0 OK"
    assert relay.mails() == []
    assert relay.leftovers() == []
