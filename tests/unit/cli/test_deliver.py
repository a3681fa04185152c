"""`postroom deliver`: durable and 0, or a code on which a mail server does not lose the mail."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from postroom import maildir
from postroom.cli.main import command_in
from tests.command import ENVIRONMENT
from tests.servers.waiting import wait_until

MAIL = b"Received: from a by b; Thu, 1 Jan 2026 00:00:00 +0000\nSubject: PO 4711\n\nplease\n"
TO_ACME = ("--recipient", "orders+acme@in.example")
# All that a delivery must not have to load: the database and whatever else is slow to start.
HEAVY = (
    "sqlalchemy",
    "alembic",
    "apscheduler",
    "imapclient",
    "watchdog",
    "rich",
    "structlog",
    "pybase64",
    "email",
)


class Pipe:
    """An MTA's pipe: it runs `postroom ... deliver ...` in `folder` and looks into the Maildir there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.maildir = folder / "Maildir"
        maildir.create(self.maildir)

    def __call__(self, *arguments: str, mail: bytes = MAIL) -> tuple[int, str]:
        """Return the exit code and what standard error said."""
        done = subprocess.run(
            [sys.executable, "-m", "postroom", *arguments],
            input=mail,
            cwd=self.folder,
            env=ENVIRONMENT | {"HOME": str(self.folder)},
            capture_output=True,
            timeout=50,
            check=False,
        )
        assert b"Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stderr.decode()

    def configure(self, text: str) -> None:
        (self.folder / "postroom.toml").write_text(text)

    def mails(self) -> list[bytes]:
        return [path.read_bytes() for path in (self.maildir / "new").iterdir()]

    def left_behind(self) -> list[Path]:
        return list((self.maildir / "tmp").iterdir())


@pytest.fixture
def pipe(tmp_path: Path) -> Pipe:
    return Pipe(tmp_path)


def test_a_mail_is_in_the_maildir_with_its_envelope_on_top(pipe: Pipe) -> None:
    code, said = pipe("deliver", "--maildir", "./Maildir", *TO_ACME, "--sender", "buyer@customer.example")

    assert (code, said) == (0, "")
    head, _, rest = pipe.mails()[0].partition(b"Received: by ")
    assert head == (
        b"Return-Path: <buyer@customer.example>\n"
        b"X-Original-To: orders+acme@in.example\n"
        b"Delivered-To: orders+acme@in.example\n"
    )
    assert rest.endswith(b"+0000\n" + MAIL)


def test_the_only_maildir_of_the_configuration_is_taken(pipe: Pipe) -> None:
    pipe.configure('[maildir.intake]\npath = "Maildir"\n')

    code, _ = pipe("deliver", *TO_ACME)

    assert code == 0
    assert len(pipe.mails()) == 1


def test_one_of_many_maildirs_is_named(pipe: Pipe) -> None:
    pipe.configure('[maildir.intake]\npath = "Maildir"\n[maildir.other]\npath = "other"\n')

    named, _ = pipe("deliver", "--maildir", "intake", *TO_ACME)
    unnamed, said = pipe("deliver", *TO_ACME)

    assert (named, unnamed) == (0, 75)
    assert "--maildir is needed: the configured Maildirs are: intake, other" in said
    assert len(pipe.mails()) == 1


def test_a_path_needs_no_sound_configuration(pipe: Pipe) -> None:
    pipe.configure("this is no TOML")

    code, _ = pipe("deliver", "--maildir", str(pipe.maildir), *TO_ACME)

    assert code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("-c", "nowhere.toml", "deliver", *TO_ACME), "E-CONFIG", id="no such configuration"),
        pytest.param(("deliver", *TO_ACME), "no TOML", id="broken configuration"),
        pytest.param(("deliver", "--maildir", "./nowhere", *TO_ACME), "E-MAILDIR", id="no such Maildir"),
        pytest.param(("deliver", "--maildir", "./Maildir"), "Missing option", id="no recipient"),
        pytest.param(("deliver", "--wrong", *TO_ACME), "No such option", id="wrong option"),
        pytest.param(("--wrong", "deliver", *TO_ACME), "No such option", id="wrong option before"),
        pytest.param(
            ("deliver", "--maildir", "./Maildir", "--recipient", "a@b.example, c@d.example"),
            "not one address",
            id="two recipients",
        ),
        pytest.param(
            ("deliver", "--maildir", "./Maildir", "--recipients", "nowhere", *TO_ACME),
            "cannot read nowhere",
            id="no such recipient map",
        ),
    ],
)
def test_whatever_is_wrong_with_us_is_to_be_tried_again(
    pipe: Pipe, arguments: tuple[str, ...], said: str
) -> None:
    pipe.configure("this is no TOML")

    code, words = pipe(*arguments)

    assert code == 75
    assert said in words
    assert pipe.mails() == []


def test_a_full_disk_is_to_be_tried_again_and_leaves_nothing_behind(pipe: Pipe) -> None:
    limited = ["sh", "-c", 'ulimit -f 64; exec "$@"', "sh", sys.executable, "-m", "postroom"]
    done = subprocess.run(
        [*limited, "deliver", "--maildir", str(pipe.maildir), *TO_ACME],
        input=MAIL + b"x" * 200_000,
        env=ENVIRONMENT,
        capture_output=True,
        timeout=50,
        check=False,
    )

    assert done.returncode == 75
    assert b"E-MAILDIR" in done.stderr
    assert (pipe.mails(), pipe.left_behind()) == ([], [])


def test_an_unforeseen_error_is_to_be_tried_again(pipe: Pipe) -> None:
    (pipe.folder / "broken").mkdir()
    (pipe.folder / "broken" / "sitecustomize.py").write_text(
        "import postroom.delivery\ndel postroom.delivery.Envelope.__init__\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "postroom", "deliver", "--maildir", str(pipe.maildir), *TO_ACME],
        input=MAIL,
        env=ENVIRONMENT | {"PYTHONPATH": f"{pipe.folder}/broken"},
        capture_output=True,
        timeout=50,
        check=False,
    )

    assert done.returncode == 75
    assert b"a bug: TypeError" in done.stderr


def test_a_closed_standard_error_changes_no_answer(pipe: Pipe) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "postroom", "deliver", "--maildir", "./nowhere/", *TO_ACME],
        input=MAIL,
        env=ENVIRONMENT,
        stdout=writing,
        stderr=writing,
        timeout=50,
        check=False,
    )
    os.close(writing)

    assert done.returncode == 75


def test_no_message_is_65(pipe: Pipe) -> None:
    code, said = pipe("deliver", "--maildir", "./Maildir", *TO_ACME, mail=b"")

    assert code == 65
    assert "E-NOT-A-MESSAGE" in said


def test_an_unknown_org_is_67_only_where_a_recipient_map_is_given(pipe: Pipe) -> None:
    (pipe.folder / "map").write_text("# orgs\norders+acme@in.example OK\n")
    to = ("deliver", "--maildir", "./Maildir", "--recipient")

    codes = [
        pipe(*to, "orders+nope@in.example")[0],
        pipe(*to, "orders+nope@in.example", "--recipients", "map")[0],
        pipe(*to, "Orders+ACME@in.example", "--recipients", "map")[0],
    ]

    assert codes == [0, 67, 0]
    assert len(pipe.mails()) == 2


def test_an_empty_recipient_map_refuses_nobody_for_good(pipe: Pipe) -> None:
    (pipe.folder / "map").write_text("# written by hand, not finished\n")

    code, said = pipe("deliver", "--maildir", "./Maildir", *TO_ACME, "--recipients", "map")

    assert code == 75
    assert "names no recipient" in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_is_to_be_tried_again_and_leaves_nothing_behind(pipe: Pipe, number: int) -> None:
    command = [sys.executable, "-m", "postroom", "deliver", "--maildir", str(pipe.maildir), *TO_ACME]
    running = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, env=ENVIRONMENT)
    assert running.stdin is not None
    running.stdin.write(b"Subject: big\n\n" + b"x" * (3 << 20))
    running.stdin.flush()
    wait_until(lambda: bool(pipe.left_behind()), "the delivery to begin")

    running.send_signal(number)
    _, said = running.communicate(timeout=30)

    assert running.returncode == 75
    assert said.strip() == b"stopped"
    assert (pipe.mails(), pipe.left_behind()) == ([], [])


def test_a_delivery_loads_no_database_and_nothing_else_that_is_slow(pipe: Pipe) -> None:
    program = (
        "import sys, contextlib\nfrom postroom.cli.main import main\n"
        "with contextlib.suppress(SystemExit): main(sys.argv[1:])\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "deliver", "--maildir", str(pipe.maildir), *TO_ACME],
        input=MAIL,
        env=ENVIRONMENT,
        capture_output=True,
        timeout=50,
        check=True,
    )

    assert len(pipe.mails()) == 1
    assert sorted(set(HEAVY) & set(done.stdout.decode().split())) == []


@pytest.mark.parametrize(
    ("words", "command"),
    [
        ([], ""),
        (["deliver", "--recipient", "x"], "deliver"),
        (["-c", "deliver", "run"], "run"),
        (["--config", "x", "deliver"], "deliver"),
        (["--config=x", "deliver"], "deliver"),
        (["-cx", "deliver"], "deliver"),
        (["ingest", "deliver"], "ingest"),
        (["-c"], ""),
    ],
)
def test_the_command_of_a_command_line_is_found_before_it_is_judged(words: list[str], command: str) -> None:
    assert command_in(words) == command
