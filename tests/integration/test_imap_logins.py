"""A mail server that is down, or will not have us, is not hammered: its logins are counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from postroom.core.limits import DEFAULT_LIMITS
from postroom.errors import TransientError
from postroom.fetcher.imap import ImapSource
from postroom.jobs.draining import back_off_seconds, drain
from postroom.jobs.house import SourceKit
from tests.house import Postroom, open_postroom, postroom
from tests.servers.scripted_imap import ScriptedImap, scripted_imap

__all__ = ["open_postroom", "postroom"]

HOUR = 3600.0
Script = Callable[[ScriptedImap], None]


@pytest.fixture
def server() -> Iterator[ScriptedImap]:
    with scripted_imap() as running:
        running.put(b"x")
        yield running


class Mailbox:
    """A mailbox that is polled every second as the service polls it; its time is told, not waited for."""

    def __init__(self, house: Postroom, server: ScriptedImap, spool: Path, jitter: float) -> None:
        self.house = replace(house.house, jitter=lambda: jitter)
        self.clock, self.server = house.clock, server
        self.source = ImapSource(server.mailbox, spool, DEFAULT_LIMITS)
        self.kit: SourceKit = replace(house.kit(self.source), poll_seconds=1.0)

    def logins(self, seconds: float) -> list[float]:
        """Let so much time pass; return the second of each login."""
        logins: list[float] = []
        second, failures = 0.0, 0
        while second < seconds:
            before = self.server.sessions
            pause = self._poll(failures + 1)
            failures = failures + 1 if pause > self.kit.poll_seconds else 0
            logins += [second] * (self.server.sessions - before)
            second += pause
            self.clock.later(pause)
        self.source.close()
        return logins

    def _poll(self, failures: int) -> float:
        try:
            drain(self.kit, self.house, took_mail=lambda: None)
        except TransientError as error:
            self.source.close()
            return back_off_seconds(failures, error, self.kit, self.house)
        return self.kit.poll_seconds


def hangs_up_at_the_login(server: ScriptedImap) -> None:
    server.says["LOGIN"] = ""


def refuses_the_login(server: ScriptedImap) -> None:
    server.says["LOGIN"] = "NO [AUTHENTICATIONFAILED] wrong"


def gives_no_session(server: ScriptedImap) -> None:
    server.says["LOGIN"] = "NO [LIMIT] Too many simultaneous connections"


def hangs_up_at_the_folder(server: ScriptedImap) -> None:
    server.says["EXAMINE"] = ""


@pytest.mark.parametrize("jitter", [pytest.param(0.0, id="no jitter"), pytest.param(1.0, id="most jitter")])
@pytest.mark.parametrize(
    ("goes_wrong", "most"),
    [
        pytest.param(hangs_up_at_the_login, 15, id="it hangs up at the login"),
        pytest.param(hangs_up_at_the_folder, 15, id="it hangs up at the folder"),
        pytest.param(gives_no_session, 15, id="it gives no session"),
        pytest.param(refuses_the_login, 9, id="it refuses the login"),
    ],
)
def test_a_dead_server_meets_at_most_two_logins_a_minute_and_ever_fewer(
    postroom: Postroom, server: ScriptedImap, tmp_path: Path, goes_wrong: Script, most: int, jitter: float
) -> None:
    goes_wrong(server)

    logins = Mailbox(postroom, server, tmp_path / "imap", jitter).logins(2 * HOUR)

    in_a_minute = [sum(start <= login < start + 60 for login in logins) for start in logins]
    assert 0 < max(in_a_minute) <= 2
    assert 5 < len(logins) <= most


def test_a_server_that_works_is_polled_over_one_login(
    postroom: Postroom, server: ScriptedImap, tmp_path: Path
) -> None:
    assert Mailbox(postroom, server, tmp_path / "imap", 0.0).logins(20.0) == [0.0]
