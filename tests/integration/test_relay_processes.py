"""A relay whose clients are served by several processes keeps the promises of one."""

from __future__ import annotations

import smtplib
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.command import postroom
from tests.servers.relay_process import RelayProcess, is_alive, relay_process
from tests.servers.waiting import wait_until

MAIL = "Subject: a\r\n\r\nb\r\n"


@pytest.fixture
def relay(tmp_path: Path) -> Iterator[RelayProcess]:
    with relay_process(tmp_path, "processes = 3\nsessions = 6") as running:
        yield running


def client(relay: RelayProcess) -> smtplib.SMTP:
    return smtplib.SMTP("127.0.0.1", relay.port, timeout=20)


def greeting(relay: RelayProcess) -> bytes:
    with closing(socket.create_connection(("127.0.0.1", relay.port), timeout=20)) as connection:
        return connection.recv(100)


def test_the_sessions_are_shared_out_and_each_process_delivers(relay: RelayProcess) -> None:
    with ExitStack() as stack:
        for session in [stack.enter_context(client(relay)) for _ in range(6)]:
            session.sendmail("a@b.example", "orders+acme@in.example", MAIL)

    names = [path.name for path in (relay.maildir / "new").iterdir()]
    assert len(names) == 6
    assert {int(name.partition("P")[2].partition("Q")[0]) for name in names} == set(relay.pids()[1:])


def test_the_cap_on_sessions_is_one_for_all_processes(relay: RelayProcess) -> None:
    with ExitStack() as stack:
        for _ in range(6):
            stack.enter_context(client(relay))
        full = greeting(relay)

    wait_until(lambda: greeting(relay).startswith(b"220 "), "a session to be free again")
    assert full == b"421 4.7.0 too many connections, try again later\r\n"


def test_every_process_asks_for_orgs_through_the_one_that_listens(relay: RelayProcess) -> None:
    with ExitStack() as stack:
        sessions = [stack.enter_context(client(relay)) for _ in range(6)]
        for session in sessions:
            session.ehlo()
            session.mail("a@b.example")
        before = [session.rcpt("orders+gamma@in.example")[0] for session in sessions]
        postroom(relay.config, "org", "add", "gamma")
        after = [session.rcpt("orders+gamma@in.example")[0] for session in sessions]

    assert (before, after) == ([550] * 6, [250] * 6)


def test_a_process_that_is_killed_ends_the_relay_with_its_code(tmp_path: Path) -> None:
    relay = RelayProcess(tmp_path, "processes = 2")
    relay.start()
    with client(relay) as session:
        session.sendmail("a@b.example", "orders+acme@in.example", MAIL)

    relay.kill(slice(1, 2))

    assert relay.ended() == 75
    assert "[E-RELAY-DOWN]" in relay.said
    assert len(list((relay.maildir / "new").iterdir())) == 1


def test_those_that_serve_end_when_the_one_that_listens_is_killed(tmp_path: Path) -> None:
    relay = RelayProcess(tmp_path, "processes = 2")
    relay.start()
    every = relay.pids()

    relay.kill(slice(1))

    assert len(every) == 3
    assert not any(is_alive(pid) for pid in every)
    relay.start()
    assert relay.stop() == 0
