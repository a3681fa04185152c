"""`postroom inspect`: one mail taken apart, without a database and whatever is in it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postroom.cli.opened_mail import open_mail
from postroom.core.rules import DEFAULT_STANDARD
from postroom.errors import NotAMessage
from tests.unit.cli.words import Terminal

ORDER = b"""\
Delivered-To: orders+acme@in.example
X-Original-To: orders+Acme@in.example
Delivered-To: Orders+acme@in.example
Received: from mx
Delivered-To: orders+forged@in.example
From: Ann <ann@acme.example>, Bob <bob@acme.example>
Message-ID: <1@acme.example>
Subject: PO =?utf-8?q?4711_=E2=82=AC?=
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain

please
--b
Content-Type: application/octet-stream; name="..\\..\\po.pdf"
Content-Transfer-Encoding: base64
Content-Disposition: attachment

JVBERi0xLjQK!
--b--
"""
KEYS = ["file", "message_id", "subject", "from", "recipients", "defects", "limits", "parts"]
PART_KEYS = [
    "path", "content_type", "sniffed", "filename", "disposition", "size", "sha256", "kept", "reason",
    "decode_status", "defects",
]  # fmt: skip


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(tmp_path, monkeypatch, capsys)


def as_json(terminal: Terminal, raw: bytes) -> dict[str, Any]:
    terminal.write(raw, name="a.eml")
    answer = terminal.call("inspect", "--json", "a.eml")
    assert answer.code == 0
    found: dict[str, Any] = json.loads(answer.out)
    return found


def test_a_machine_gets_what_a_mail_is_and_what_becomes_of_each_part(terminal: Terminal) -> None:
    content = b"%PDF-1.4\n"

    found = as_json(terminal, ORDER)

    parts = found.pop("parts")
    assert found == {
        "file": "a.eml",
        "message_id": "<1@acme.example>",
        "subject": "PO 4711 €",
        "from": "ann@acme.example",
        "recipients": ["orders+acme@in.example", "Orders+acme@in.example", "orders+Acme@in.example"],
        "defects": ["other characters in base64"],
        "limits": [],
    }
    assert [(part["path"], part["kept"], part["reason"]) for part in parts] == [
        ("0", False, "container"),
        ("1", False, "text body"),
        ("2", True, "attachment"),
    ]
    assert parts[2] == {
        "path": "2",
        "content_type": "application/octet-stream",
        "sniffed": "application/pdf",
        "filename": "po.pdf",
        "disposition": "attachment",
        "size": 9,
        "sha256": hashlib.sha256(content).hexdigest(),
        "kept": True,
        "reason": "attachment",
        "decode_status": "repaired",
        "defects": ["other characters in base64"],
    }


def test_the_keys_and_their_order_are_stable(terminal: Terminal) -> None:
    found = as_json(terminal, ORDER)

    assert list(found) == KEYS
    assert [list(part) for part in found["parts"]] == [PART_KEYS] * 3


@pytest.mark.parametrize(
    ("raw", "recipients"),
    [
        pytest.param(b"Delivered-To: a@x\nReceived: b\n\n", ["a@x"], id="above the first Received"),
        pytest.param(b"Received: b\nDelivered-To: a@x\n\n", [], id="below it"),
        pytest.param(b"From: b@x\nEnvelope-To: a@x, c@x\n\n", ["a@x", "c@x"], id="no Received at all"),
        pytest.param(b"To: a@x\nCc: c@x\n\n", [], id="To and Cc"),
    ],
)
def test_recipients_are_those_of_the_envelope(terminal: Terminal, raw: bytes, recipients: list[str]) -> None:
    found = as_json(terminal, raw)

    assert found["recipients"] == recipients


def test_what_a_mail_does_not_say_is_null(terminal: Terminal) -> None:
    found = as_json(terminal, b"X-Nothing: here\n\n")

    assert (found["message_id"], found["subject"], found["from"]) == (None, None, None)


def test_a_broken_mail_is_no_failure(terminal: Terminal) -> None:
    found = as_json(
        terminal, b"From: <\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: ;;\n"
    )

    assert found["defects"] != []


def test_a_limit_that_was_reached_is_named(terminal: Terminal) -> None:
    terminal.write('[limits]\nparts = 2\nmessage = "1KiB"\n', name="small.toml")
    terminal.write(ORDER + b"x" * 1024, name="a.eml")

    answer = terminal.call("-c", "small.toml", "inspect", "--json", "a.eml")

    found = json.loads(answer.out)
    assert answer.code == 0
    assert found["limits"] == ["message_bytes", "parts"]
    assert len(found["parts"]) == 2


# --- files and exit codes ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        pytest.param(b"", "x is empty", id="empty"),
        pytest.param(b"\n\n", "x is empty", id="blank lines"),
    ],
)
def test_what_is_no_message_at_all_is_said_and_ends_with_65(
    terminal: Terminal, raw: bytes, words: str
) -> None:
    terminal.write(raw, name="x")

    answer = terminal.call("inspect", "--json", "x")

    assert answer.code == 65
    assert answer.out == ""
    assert answer.err.startswith(f"postroom: {words}  [E-NOT-A-MESSAGE]\n")


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"just a text\nof two lines\n", id="text"),
        pytest.param(b"--\nContent-Type: a/b\n\nx", id="a part of a mail"),
        pytest.param(bytes(range(128, 256)) * 30, id="binary"),
    ],
)
def test_a_mail_that_lost_its_header_is_taken_apart_all_the_same(terminal: Terminal, raw: bytes) -> None:
    terminal.write(raw, name="x")

    answer = terminal.call("inspect", "--json", "x")

    found = json.loads(answer.out)
    assert answer.code == 0
    assert found["defects"][0] == "no header field"
    assert [part["path"] for part in found["parts"]] == ["1"]


def test_one_mail_with_the_line_of_an_mbox_on_top_is_one_mail(terminal: Terminal) -> None:
    terminal.write(b"From ann Mon Jan  1 00:00:00 2026\n" + ORDER, name="a.eml")

    answer = terminal.call("inspect", "--json", "a.eml")

    assert answer.code == 0
    assert "mbox line on top" in json.loads(answer.out)["defects"]


def test_an_mbox_is_read_as_one_mail_and_named(terminal: Terminal) -> None:
    envelope = b"From ann Mon Jan  1 00:00:00 2026\n"
    terminal.write(envelope + ORDER + b"\n\n" + envelope + ORDER, name="a.mbox")

    answer = terminal.call("inspect", "--json", "a.mbox")

    assert answer.code == 0
    assert json.loads(answer.out)["defects"][0] == "mbox of several mails"


def test_a_folder_is_not_read_and_the_way_out_is_said(terminal: Terminal) -> None:
    answer = terminal.call("inspect", ".")

    assert answer.code == 74
    assert "Fix: name the mails in it, or take them all with postroom ingest\n" in answer.err


def test_one_bad_file_holds_up_no_other(terminal: Terminal) -> None:
    for name in ("a.eml", "b.eml"):
        terminal.write(ORDER, name=name)
    terminal.write("", name="text")

    answer = terminal.call("inspect", "--json", "a.eml", "text", "missing", ".", "b.eml")

    assert [json.loads(line)["file"] for line in answer.out.splitlines()] == ["a.eml", "b.eml"]
    assert answer.code == 74
    assert "cannot read missing: No such file or directory  [E-IO]" in answer.err
    assert "cannot read .: Is a directory  [E-IO]" in answer.err


def test_standard_input_is_a_file_too(terminal: Terminal) -> None:
    answer = terminal.spawn("inspect", "--json", "-", stdin=ORDER)

    assert answer.code == 0
    assert json.loads(answer.out)["file"] == "-"


def test_a_file_name_of_any_bytes_is_printed(terminal: Terminal) -> None:
    name = b"\xff\x1b[31m.eml".decode("utf-8", "surrogateescape")
    terminal.write(ORDER, name=name)

    answers = [terminal.spawn("inspect", *options, name) for options in ([], ["--json"])]

    assert [answer.code for answer in answers] == [0, 0]
    assert json.loads(answers[1].out)["file"] == name
    assert "\x1b" not in answers[0].out


def test_it_leaves_no_trace(terminal: Terminal) -> None:
    terminal.write(ORDER, name="a.eml")

    terminal.call("inspect", "a.eml")

    assert not terminal.state_dir.exists()


# --- for people --------------------------------------------------------------------------------------


def test_a_person_sees_the_tree_of_parts_and_why_each_is_kept(terminal: Terminal) -> None:
    terminal.write(ORDER, name="a.eml")

    answer = terminal.call("inspect", "a.eml")

    assert answer.out == (
        "a.eml\n"
        "  Subject     PO 4711 €\n"
        "  From        ann@acme.example\n"
        "  For         orders+acme@in.example, Orders+acme@in.example, orders+Acme@in.example\n"
        "  Message-ID  <1@acme.example>\n"
        "  Defect      other characters in base64\n"
        "  0    multipart/mixed\n"
        "    1  text/plain                                     6 B  skipped: text body\n"
        "    2  application/octet-stream (is application/pdf)  9 B  kept: attachment    po.pdf\n"
        "\n"
    )


def test_no_mail_commands_the_terminal(terminal: Terminal) -> None:
    terminal.write(
        b"Subject: =?utf-8?q?=1b]0;x=07?=\x1b[2J\nFrom: \x1b@x\nMessage-ID: <\xc2\x9b@x>\n"
        b'Content-Type: a/b; name="=?utf-8?q?=e2=80=ae?=fdp.exe\x1b[31m"\n\nx',
        name="a.eml",
    )

    answer = terminal.call("inspect", "a.eml")

    assert answer.code == 0
    assert all(letter.isprintable() or letter == "\n" for letter in answer.out)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=200)
@given(st.binary(max_size=400), st.sampled_from([b"", b"Subject: x\n", ORDER[:-200]]))
def test_no_bytes_whatever_break_it(tail: bytes, head: bytes) -> None:
    try:
        mail = open_mail("x", head + tail, DEFAULT_STANDARD)
    except NotAMessage:
        return

    assert mail.parts
