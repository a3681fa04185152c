"""What a delivery promises: the envelope on top in our own words, the mail below as it came."""

from __future__ import annotations

import io
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom import maildir
from postroom.core.addresses import mailboxes
from postroom.core.headers import read_header_block
from postroom.core.routing import PROFILES, Rule, address_pattern, targets
from postroom.delivery import _PLAIN_ADDRESS, HEAD_BYTES, Arrival, Envelope, deliver, on_top, stripped, sweep
from postroom.errors import MaildirUnusable, NotAMessage

TO_ACME = Envelope("buyer@acme.example", "orders+acme@in.example")
ARRIVAL = Arrival(
    "from mx.example ([192.0.2.1]) by intake with ESMTP id 7", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    maildir.create(tmp_path / "Maildir")
    return tmp_path / "Maildir"


def whole(message: bytes, envelope: Envelope = TO_ACME) -> bytes:
    head = stripped(message)
    return on_top(head, envelope, ARRIVAL) + head


def test_the_envelope_stands_on_top_and_the_mail_below_as_it_came(folder: Path) -> None:
    mail = b"Received: from a by b; Thu, 1 Jan 2026 00:00:00 +0000\nSubject: PO\n\nbody\x00\xff\r\n.\n"

    name = deliver(folder, io.BytesIO(mail), TO_ACME, ARRIVAL)

    assert (folder / "new" / name).read_bytes() == (
        b"Return-Path: <buyer@acme.example>\n"
        b"X-Original-To: orders+acme@in.example\n"
        b"Delivered-To: orders+acme@in.example\n"
        b"Received: from mx.example ([192.0.2.1]) by intake with ESMTP id 7\n"
        b"\tfor <orders+acme@in.example>; Fri, 02 Jan 2026 03:04:05 +0000\n" + mail
    )


def test_the_trace_fields_take_the_line_ends_of_the_mail() -> None:
    found = whole(b"Subject: PO\r\n\r\nbody\r\n")

    assert found.count(b"\r\n") == found.count(b"\n") == 8


def test_the_null_sender_is_written_as_such() -> None:
    assert whole(b"Subject: bounce\n\n", Envelope("", "orders+acme@in.example")).startswith(
        b"Return-Path: <>\n"
    )


@pytest.mark.parametrize(
    ("message", "left"),
    [
        pytest.param(b"Delivered-To: orders+beta@in.example\nSubject: a\n\n", b"Subject: a\n\n", id="plain"),
        pytest.param(
            b"Subject: a\r\nX-ORIGINAL-TO : x@y\r\n z@w\r\n\tv\r\nTo: b@c\r\n\r\n",
            b"Subject: a\r\nTo: b@c\r\n\r\n",
            id="any case, a blank before the colon, folds",
        ),
        pytest.param(
            b"Subject: a\n\nDelivered-To: x@y\n", b"Subject: a\n\nDelivered-To: x@y\n", id="in the body"
        ),
        pytest.param(b"\nDelivered-To: x@y\n", b"\nDelivered-To: x@y\n", id="no header at all"),
        pytest.param(b"A: 1\nDelivered-To: x@y", b"A: 1\n", id="no end of line"),
        pytest.param(
            b"X-Delivered-To: x@y\nSubject: Delivered-To: x\n\n",
            b"X-Delivered-To: x@y\nSubject: Delivered-To: x\n\n",
            id="other names stay",
        ),
        pytest.param(
            b"From a@b Fri Jan  2 03:04:05 2026\nSubject: a\n\n", b"Subject: a\n\n", id="the line of an mbox"
        ),
    ],
)
def test_what_speaks_for_the_envelope_is_stripped_and_nothing_else(message: bytes, left: bytes) -> None:
    assert stripped(message) == left


@pytest.mark.parametrize("profile", ["postfix", "gmail", "lmtp", "dovecot"])
@pytest.mark.parametrize(
    "message",
    [
        b"Delivered-To: orders+beta@in.example\nX-Original-To: orders+beta@in.example\n\n",
        b" for <orders+beta@in.example>; x\nDelivered-To: orders+beta@in.example\n\n",
        b"\rDelivered-To: orders+beta@in.example\r\r",
        b"From x y\nDelivered-To: orders+beta@in.example\nReceived: a\n\n",
        b"",
    ],
)
def test_no_mail_talks_its_way_to_another_org(profile: str, message: bytes) -> None:
    rule = Rule(address_pattern("orders+{org}@in.example"), trust=PROFILES[profile])

    found = targets(read_header_block(whole(message)), rule)

    assert [target.slug for target in found] == ["acme"]


@given(st.binary(max_size=300))
def test_whatever_the_mail_the_envelope_alone_decides(message: bytes) -> None:
    rule = Rule(address_pattern("orders+{org}@in.example"), trust=PROFILES["postfix"], trusted_hops=9)

    found = targets(read_header_block(whole(message)), rule)

    assert [target.slug for target in found] == ["acme"]


@pytest.mark.parametrize(
    ("sender", "recipient"),
    [
        ("a@b.example", "orders+acme@in.example\nDelivered-To: orders+beta@in.example"),
        ("a@b.example", "orders+acme@in.example, orders+beta@in.example"),
        ("a@b.example", "acme"),
        ("a@b.example", ""),
        ("a@b.example\r\nX: y", "orders+acme@in.example"),
    ],
)
def test_an_envelope_that_would_be_two_fields_is_refused(sender: str, recipient: str) -> None:
    with pytest.raises(ValueError, match="not "):
        Envelope(sender, recipient)


@given(st.from_regex(_PLAIN_ADDRESS, fullmatch=True))
def test_an_address_that_looks_plain_is_one_for_every_reader(recipient: str) -> None:
    assert mailboxes(recipient.encode()) == [recipient]


@pytest.mark.parametrize(
    "no_message",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\nSubject: below the blank line\n", id="no header"),
        pytest.param(b"From buyer@acme.example Mon Jan  2\n\nhello\n", id="mbox line only"),
        pytest.param(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", id="a picture"),
    ],
)
def test_what_has_no_header_field_is_no_message(folder: Path, no_message: bytes) -> None:
    with pytest.raises(NotAMessage):
        deliver(folder, io.BytesIO(no_message), TO_ACME, ARRIVAL)

    assert [path for path in folder.rglob("*") if path.is_file()] == []


def test_an_arrival_that_would_be_two_fields_is_refused() -> None:
    with pytest.raises(ValueError, match="no text of a header field"):
        on_top(b"", TO_ACME, Arrival("from x\r\nDelivered-To: y", ARRIVAL.at))


def test_an_address_beyond_ascii_is_written_as_utf_8() -> None:
    assert "X-Original-To: größe+acme@in.example\n".encode() in whole(
        b"A: b\n\n", Envelope("", "größe+acme@in.example")
    )


def test_a_mail_of_many_blocks_is_written_whole(folder: Path) -> None:
    mail = b"Subject: big\n\n" + b"0123456789abcde\n" * (3 * HEAD_BYTES // 16)

    name = deliver(folder, io.BytesIO(mail), TO_ACME, ARRIVAL)

    assert (folder / "new" / name).read_bytes().endswith(b"2026 03:04:05 +0000\n" + mail)


def test_a_delivery_that_breaks_off_leaves_nothing(folder: Path) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell():
                raise OSError(5, "Input/output error")
            return super().read(size)

    with pytest.raises(MaildirUnusable):
        deliver(folder, Broken(b"A: " + b"x" * HEAD_BYTES), TO_ACME, ARRIVAL)

    assert [path for path in folder.rglob("*") if path.is_file()] == []


def test_what_a_killed_delivery_left_is_swept_after_36_hours(folder: Path) -> None:
    for name, hours in (("old", 37), ("young", 35)):
        (folder / "tmp" / name).write_bytes(b"half a ma")
        os.utime(folder / "tmp" / name, (0, 1_000_000 - hours * 3600))

    swept = sweep(folder, 1_000_000)

    assert swept == 1
    assert [path.name for path in (folder / "tmp").iterdir()] == ["young"]
