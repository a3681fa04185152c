"""What a log line looks like in each place it can go, and what is in none of them."""

from __future__ import annotations

import errno
import io
import json
import logging
import os
import pty
import re
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
import structlog

from postroom import maildir
from postroom.app.compose import open_app
from postroom.app.house import build_house
from postroom.app.logs import configure, to_stderr
from postroom.config.load import load
from postroom.config.settings import Log
from postroom.core.announcement import Announcement
from postroom.errors import LogUnwritable
from postroom.jobs.once import one_round
from postroom.notify.log import LogNotifier
from tests.mailbox import mail
from tests.servers.waiting import free_port

LOG = structlog.stdlib.get_logger("postroom.test")


def logged(format_: str, level: str = "debug") -> io.StringIO:
    lines = io.StringIO()
    configure(Log(level=level, format=format_), stream=lines, environ={"NO_COLOR": "1"})
    return lines


def test_a_json_line_is_one_object_with_the_first_things_first() -> None:
    lines = logged("json")

    LOG.info("accepted", org="acme", bytes=478, ms=1.5)

    line = lines.getvalue()
    fields = json.loads(line)
    assert list(fields)[:3] == ["timestamp", "level", "event"]
    assert fields.pop("timestamp").endswith("Z")
    assert fields == {"level": "info", "event": "accepted", "org": "acme", "bytes": 478, "ms": 1.5}
    assert line.count("\n") == 1


class FullDisk(io.StringIO):
    """Takes no line any more, as a file on a full disk."""

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_an_announcement_that_could_not_be_written_is_not_taken_for_announced() -> None:
    configure(Log(level="info", format="json"), stream=FullDisk(), environ={})

    with pytest.raises(LogUnwritable):
        LogNotifier().send(Announcement(UUID(int=1), "document.created", "acme", UUID(int=2), None, 0))


def test_a_line_that_could_not_be_written_stops_nothing_and_prints_nothing(
    capfd: pytest.CaptureFixture[str],
) -> None:
    configure(Log(level="info", format="json"), stream=FullDisk(), environ={})

    LOG.info("accepted", org="acme")

    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("level", "priority"), [("debug", 7), ("info", 6), ("warning", 4), ("error", 3), ("critical", 2)]
)
def test_a_journal_line_begins_with_its_priority(level: str, priority: int) -> None:
    lines = logged("journal")

    getattr(LOG, level)("poll failed", source="orders", error="no answer")

    assert lines.getvalue() == f'<{priority}>poll failed source="orders" error="no answer"\n'


def test_a_console_line_is_for_people() -> None:
    lines = logged("console")

    LOG.warning("quarantined", code="unknown-org")

    assert "quarantined" in lines.getvalue()
    assert "code=unknown-org" in lines.getvalue()
    assert "\x1b" not in lines.getvalue()


@pytest.mark.parametrize("format_", ["json", "journal", "console"])
@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param("\x1b[2Jgone", "\\x1b[2Jgone", id="escape"),
        pytest.param("a\r\nlevel=error", "\\x0d\\x0alevel=error", id="line end"),
        pytest.param("a\x9b31m", "\\x9b31m", id="C1 control"),
        pytest.param("fdp\u202etxt", "\\u202etxt", id="right to left"),
        pytest.param("a\u2028b", "\\u2028b", id="line separator"),
    ],
)
def test_characters_that_a_terminal_would_obey_are_spelled_out(format_: str, text: str, shown: str) -> None:
    lines = logged(format_)

    LOG.info("accepted", message_id=text)

    assert shown in lines.getvalue().replace("\\\\", "\\")
    assert lines.getvalue().count("\n") == 1


@pytest.mark.parametrize("format_", ["json", "journal", "console"])
def test_a_traceback_shows_no_character_that_a_terminal_would_obey(format_: str) -> None:
    lines = logged(format_)

    try:
        int("\x1b[2J\x9b31m\u202e")
    except ValueError as error:
        error.add_note("\x1b[2J\x9b31m\u202e")
        LOG.exception("bug")

    assert "Traceback" in lines.getvalue()
    assert not {"\x1b", "\x9b", "\u202e"} & set(lines.getvalue())


@pytest.mark.parametrize("format_", ["json", "journal"])
def test_a_traceback_is_one_line_for_machines(format_: str) -> None:
    lines = logged(format_)

    try:
        int("no number")
    except ValueError:
        LOG.exception("bug")

    assert lines.getvalue().count("\n") == 1


@pytest.mark.parametrize("format_", ["json", "journal", "console"])
def test_a_line_is_the_same_where_another_handler_hears_it_too(format_: str) -> None:
    alone, together, elsewhere = logged(format_), io.StringIO(), io.StringIO()
    bound = LOG.bind(org="acme")

    bound.info("accepted", bytes=478, recipients=["a@b.example", "\x1b"], ms=None)
    configure(Log(level="debug", format=format_), stream=together, environ={"NO_COLOR": "1"})
    logging.getLogger().addHandler(logging.StreamHandler(elsewhere))
    LOG.bind(org="acme").info("accepted", bytes=478, recipients=["a@b.example", "\x1b"], ms=None)

    assert timeless(alone) == timeless(together) != ""
    assert "accepted" in elsewhere.getvalue()


def timeless(lines: io.StringIO) -> str:
    return re.sub(r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "TIME", lines.getvalue())


def test_a_level_holds_for_our_own_events() -> None:
    lines = logged("json", level="warning")

    LOG.info("accepted")
    LOG.warning("quarantined")

    assert [json.loads(line)["event"] for line in lines.getvalue().splitlines()] == ["quarantined"]


def test_libraries_say_only_what_a_person_must_know() -> None:
    lines = logged("json")

    logging.getLogger("imapclient").debug("LOGIN orders secret")
    logging.getLogger("imapclient").info("chatter")
    logging.getLogger("imapclient").warning("watch \x1b out: %s", "here")

    assert [json.loads(line)["event"] for line in lines.getvalue().splitlines()] == ["watch \\x1b out: here"]


def test_configuring_twice_says_everything_once() -> None:
    logged("json")
    lines = logged("json")

    LOG.info("accepted")

    assert lines.getvalue().count("accepted") == 1


@pytest.fixture
def terminal() -> Iterator[tuple[int, io.TextIOWrapper]]:
    """Yield both ends of a terminal."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w", encoding="utf-8") as stream:
        yield ours, stream
    os.close(ours)


def test_a_terminal_gets_lines_for_people(terminal: tuple[int, io.TextIOWrapper]) -> None:
    ours, stream = terminal
    configure(Log(level="info", format="auto"), stream=stream, environ={})

    LOG.info("accepted", org="acme")

    shown = os.read(ours, 4096).decode()
    assert "accepted" in shown
    assert "\x1b[" in shown  # colours


def test_a_stream_that_is_the_journal_gets_journal_lines(tmp_path: Path) -> None:
    with (tmp_path / "journal").open("w+", encoding="utf-8") as stream:
        status = os.fstat(stream.fileno())
        environ = {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}
        configure(Log(level="info", format="auto"), stream=stream, environ=environ)
        LOG.info("accepted")
        stream.seek(0)

        assert stream.read() == "<6>accepted\n"


def test_anything_else_gets_json(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w+", encoding="utf-8") as stream:
        configure(Log(level="info", format="auto"), stream=stream, environ={"JOURNAL_STREAM": "1:2"})
        LOG.info("accepted")
        stream.seek(0)

        assert json.loads(stream.read())["event"] == "accepted"


def test_a_stream_that_is_no_file_gets_json_too() -> None:
    lines = logged("auto")

    LOG.info("accepted")

    assert json.loads(lines.getvalue())["event"] == "accepted"


def test_events_go_to_standard_error_and_leave_the_answer_alone(capsys: pytest.CaptureFixture[str]) -> None:
    to_stderr(Log(level="info", format="journal"))

    LOG.info("accepted")

    assert capsys.readouterr() == ("", "<6>accepted\n")


def test_a_round_at_debug_says_nothing_of_what_a_mail_says_and_no_secret(tmp_path: Path) -> None:
    canaries = {
        "subject": "CANARY-SUBJECT",
        "body": "CANARY-BODY",
        "file": "CANARY-FILE",
        "password": "CANARY-PW",
    }
    (tmp_path / "postroom.toml").write_text(
        f'state_dir = "{tmp_path}/state"\n[orgs]\naddress = "orders+{{org}}@in.example"\n[org.acme]\n'
        f'[maildir.intake]\npath = "{tmp_path}/Maildir"\n'
        f'[mailbox.away]\nhost = "127.0.0.1"\nport = {free_port()}\nuser = "u"\ntls = "off"\n'
        f'password = "{canaries["password"]}"\n'
    )
    (tmp_path / "postroom.toml").chmod(0o600)
    maildir.create(tmp_path / "Maildir")
    for recipient in ("orders+acme@in.example", "orders+nope@in.example", "orders+acme@in.example"):
        raw = mail(
            to=recipient,
            text=canaries["body"],
            documents={canaries["file"]: b"%PDF-1.4 " + canaries["body"].encode()},
        )
        maildir.deliver(tmp_path / "Maildir", raw.replace(b"an order", canaries["subject"].encode()))
    lines = logged("json")

    loaded = load(
        tmp_path / "postroom.toml", environ={}, cwd=tmp_path, home=tmp_path, is_root=False, secrets=True
    )
    with open_app(loaded.settings) as app:
        house = build_house(app)
        outcome = one_round(list(house.sources.values()), house)

    events = [json.loads(line)["event"] for line in lines.getvalue().splitlines()]
    assert (outcome.tally.taken, outcome.tally.duplicates, outcome.tally.documents) == (1, 1, 1)
    assert {
        "accepted",
        "stored",
        "duplicate",
        "quarantined",
        "settled",
        "parsed",
        "announced",
        "poll failed",
    } <= set(events)
    assert [name for name, canary in canaries.items() if canary in lines.getvalue()] == []
