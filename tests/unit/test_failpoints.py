"""Failpoints: each name is one place in the code, and an order is carried out there and nowhere else."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from postroom import failpoints, maildir
from postroom.errors import FailpointReached, FailpointUnknown
from postroom.failpoints import FAILPOINTS, Order, obeying, read_order
from tests.command import ENVIRONMENT

MAIL = "Subject: order\n\nten chairs\n"
ROOT = Path(__file__).parents[2] / "postroom"


def test_every_failpoint_is_one_place_in_the_code() -> None:
    code = [path.read_text(encoding="utf-8") for path in ROOT.rglob("*.py")]

    users = [text for text in code if "from postroom.failpoints import reach\n" in text]
    places = [place for text in users for place in re.findall(r"\breach\(([^)]*)\)", text)]

    assert sorted(places) == sorted(f'"{name}"' for name in FAILPOINTS)


@pytest.mark.parametrize(
    ("text", "order"),
    [
        pytest.param("archive.synced:kill", Order("archive.synced", 1, "kill"), id="the first time"),
        pytest.param("archive.synced:3:raise", Order("archive.synced", 3, "raise"), id="the third time"),
        pytest.param("poll.leased:sleep", Order("poll.leased", 1, "sleep"), id="held up"),
    ],
)
def test_an_order_is_a_place_a_number_and_an_act(text: str, order: Order) -> None:
    assert read_order(text) == order


@pytest.mark.parametrize(
    "text",
    [
        "archive",
        "archive.synced",
        "archive.synced:die",
        "archive.synced:0:kill",
        "archive.synced:x:kill",
        "a:b:c:d",
        ":kill",
    ],
)
def test_what_cannot_be_obeyed_is_refused(text: str) -> None:
    with pytest.raises(FailpointUnknown, match="POSTROOM_FAILPOINT"):
        read_order(text)


def test_an_error_is_raised_at_the_time_that_was_asked_for_and_no_other() -> None:
    reach = obeying(read_order("archive.synced:2:raise"))

    told = [
        _raises(reach, name) for name in ("archive.synced", "poll.leased", "archive.synced", "archive.synced")
    ]

    assert told == [False, False, True, False]


def test_without_an_order_a_failpoint_is_an_empty_function() -> None:
    assert vars(maildir)["reach"] is failpoints.reach
    assert failpoints.reach.__name__ == "_pass_by"


def test_an_order_to_kill_ends_the_process_as_a_power_cut_does(tmp_path: Path) -> None:
    maildir.create(tmp_path)

    done = _delivered(tmp_path, "maildir.renamed:kill")

    assert (done.returncode, done.stderr) == (-9, "failpoint maildir.renamed: kill\n")
    assert len(maildir.listing(tmp_path, "new")) == 1


def test_an_order_to_raise_is_an_outage_and_the_mail_server_tries_again(tmp_path: Path) -> None:
    maildir.create(tmp_path)

    done = _delivered(tmp_path, "maildir.written:raise")

    assert done.returncode == 75
    assert "[E-FAILPOINT-REACHED]" in done.stderr
    assert list((tmp_path / "tmp").iterdir()) == []


def test_an_order_to_sleep_holds_the_process_up_at_that_place(tmp_path: Path) -> None:
    maildir.create(tmp_path)
    words = [sys.executable, "-m", "postroom", *_to_deliver(tmp_path)]
    environ = {**ENVIRONMENT, "POSTROOM_FAILPOINT": "maildir.fsynced:sleep"}

    with subprocess.Popen(words, env=environ, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(MAIL.encode())
        process.stdin.close()
        said = process.stderr.readline()
        held = process.poll() is None
        process.kill()

    assert (said, held) == (b"failpoint maildir.fsynced: sleep\n", True)
    assert [len(list((tmp_path / shelf).iterdir())) for shelf in ("tmp", "new")] == [1, 0]


@pytest.mark.parametrize(("command", "code"), [("deliver", 75), ("status", 64)])
def test_a_command_refuses_to_run_with_an_order_that_it_cannot_obey(command: str, code: int) -> None:
    done = _postroom(command, failpoint="maildir.renamd:kill")

    assert done.returncode == code
    assert "there is no failpoint 'maildir.renamd'  [E-FAILPOINT]" in done.stderr


def test_the_list_of_failpoints_can_be_read_whatever_was_ordered() -> None:
    done = _postroom("failpoints", failpoint="maildir.renamd:kill")

    assert [line.split()[0] for line in done.stdout.splitlines()[: len(FAILPOINTS)]] == list(FAILPOINTS)


def _raises(reach: Callable[[str], None], name: str) -> bool:
    try:
        reach(name)
    except FailpointReached:
        return True
    return False


def _delivered(folder: Path, failpoint: str) -> subprocess.CompletedProcess[str]:
    return _postroom(*_to_deliver(folder), failpoint=failpoint, given=MAIL)


def _to_deliver(folder: Path) -> list[str]:
    return ["deliver", "--maildir", f"{folder}/", "--recipient", "orders+acme@in.example"]


def _postroom(*words: str, failpoint: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "postroom", *words],
        input=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
        env={**ENVIRONMENT, "POSTROOM_FAILPOINT": failpoint},
    )
