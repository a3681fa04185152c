"""What a session costs the relay: little while it lasts, nothing once it is over."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from postroom.smtp_relay.connection import Connection
from tests.servers.relay import TO_ACME, RunningRelay, running_relay
from tests.servers.waiting import wait_until

ENVELOPE = f"MAIL FROM:<a@b.example>\r\nRCPT TO:<{TO_ACME}>\r\nDATA\r\n".encode()


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[RunningRelay]:
    with running_relay(tmp_path / "Maildir") as running:
        yield running


@pytest.fixture
def no_garbage_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_garbage_collection")
@pytest.mark.parametrize("last", [b"QUIT\r\n", b""])
def test_a_session_is_out_of_memory_as_soon_as_it_is_over(relay: RunningRelay, last: bytes) -> None:
    before = sessions()
    for _ in range(3):
        with relay.dialogue() as dialogue:
            dialogue.begin()
            dialogue.send(b"Subject: invoice\r\n\r\n.\r\n" + last)
            assert dialogue.read().startswith("250 2.0.0 accepted as ")

    wait_until(lambda: sessions() == before, "the sessions to be gone")


def sessions() -> int:
    return sum(isinstance(each, Connection) for each in gc.get_objects())


def test_the_commands_of_an_envelope_that_came_together_are_answered_together(relay: RunningRelay) -> None:
    with relay.dialogue() as dialogue:
        dialogue.send(ENVELOPE)
        said = dialogue.connection.recv(4096)

    assert said == (
        b"250 2.1.0 sender ok\r\n250 2.1.5 recipient ok\r\n354 end the message with CR LF . CR LF\r\n"
    )


def test_what_was_said_is_not_kept_back_until_a_command_is_whole(relay: RunningRelay) -> None:
    with relay.dialogue() as dialogue:
        dialogue.send(b"MAIL FROM:<a@b.example>\r\nRCPT TO:")

        assert dialogue.read() == "250 2.1.0 sender ok"


def test_a_message_is_answered_also_when_the_next_one_came_with_it(relay: RunningRelay) -> None:
    with relay.dialogue() as dialogue:
        dialogue.begin()
        dialogue.send(b"Subject: first\r\n\r\n.\r\n" + ENVELOPE)
        said = [dialogue.read()[:9] for _ in range(4)]

    assert said == ["250 2.0.0", "250 2.1.0", "250 2.1.5", "354 end t"]
