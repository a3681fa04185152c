"""A mail's parts: every one on the ledger, and nothing in the bytes can make it raise."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from postroom.core.limits import DEFAULT_LIMITS
from postroom.pipeline.parts import take_apart
from tests.house import PDF, sha256
from tests.mailbox import mail

PIECES = [
    b"--b",
    b"--",
    b"\r\n",
    b"\n",
    b"Content-Type: multipart/mixed; boundary=b",
    b"Content-Type: message/rfc822",
]
MAILISH = st.lists(st.one_of(st.sampled_from(PIECES), st.binary(max_size=8))).map(b"".join)


def test_every_part_is_on_the_ledger_with_its_reason() -> None:
    ledger = [line for line, _ in take_apart(mail(po=PDF), DEFAULT_LIMITS)]

    assert [(line.path, line.content_type, line.kept, line.filename) for line in ledger] == [
        ("0", "multipart/mixed", False, None),
        ("1", "text/plain", False, None),
        ("2", "application/pdf", True, "po.pdf"),
    ]
    assert ledger[0].reason == "container"
    assert all(line.reason for line in ledger)


def test_a_document_is_decoded_digested_and_sniffed() -> None:
    *_, (line, content) = take_apart(mail(po=PDF), DEFAULT_LIMITS)

    assert content == PDF
    assert (line.sha256, line.size_bytes, line.sniffed) == (sha256(PDF), 9, "application/pdf")
    assert (line.transfer_encoding, line.disposition, line.decode_status) == ("base64", "attachment", "ok")
    assert (line.filename_original, line.object_key) == ("po.pdf", None)


def test_damaged_base64_is_kept_and_said() -> None:
    *_, (line, _content) = take_apart(mail(po=PDF).replace(b"JVBERi0x", b"JVB*Ri0x"), DEFAULT_LIMITS)

    assert (line.kept, bool(line.defects)) == (True, True)


def test_parts_beyond_a_limit_are_not_kept_and_say_so() -> None:
    limits = replace(DEFAULT_LIMITS, attachments=1)

    ledger = [line for line, _ in take_apart(mail(one=PDF, two=PDF), limits)]

    assert [line.kept for line in ledger] == [False, False, True, False]
    assert ledger[-1].reason == "too many"


@given(st.one_of(st.binary(), MAILISH, MAILISH.map(lambda tail: mail(po=PDF)[:-7] + tail)))
def test_no_bytes_whatever_break_it_and_no_path_comes_twice(raw: bytes) -> None:
    ledger = list(take_apart(raw, DEFAULT_LIMITS))

    paths = [line.path for line, _ in ledger]
    assert len(set(paths)) == len(paths) >= 1
    assert all(line.size_bytes == len(content) for line, content in ledger if line.reason != "container")
