"""A mail's parts: every one on the ledger, and nothing in the bytes can make it raise."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from postroom.core.limits import DEFAULT_LIMITS
from tests.dissecting import taken_apart
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
    ledger = taken_apart(mail(po=PDF)).lines

    assert [(line.path, line.content_type, line.kept, line.filename) for line in ledger] == [
        ("0", "multipart/mixed", False, None),
        ("1", "text/plain", False, None),
        ("2", "application/pdf", True, "po.pdf"),
    ]
    assert ledger[0].reason == "container"
    assert all(line.reason for line in ledger)


def test_every_part_has_its_size_and_digest_containers_too() -> None:
    raw = mail(po=PDF)
    body = raw[raw.index(b"\r\n\r\n") + 4 :]

    ledger = taken_apart(raw).lines

    assert [(line.size_bytes, line.sha256) for line in ledger] == [
        (len(body), sha256(body)),
        (16, sha256(b"Please send two.")),
        (9, sha256(PDF)),
    ]


def test_a_document_is_decoded_digested_and_sniffed() -> None:
    taken = taken_apart(mail(po=PDF))

    line = taken.line("2")
    assert taken.contents["2"] == PDF
    assert (line.sha256, line.size_bytes, line.sniffed) == (sha256(PDF), 9, "application/pdf")
    assert (line.transfer_encoding, line.disposition, line.decode_status) == ("base64", "attachment", "ok")
    assert (line.filename_original, line.object_key) == ("po.pdf", None)


def test_damaged_base64_is_kept_and_said() -> None:
    line = taken_apart(mail(po=PDF).replace(b"JVBERi0x", b"JVB*Ri0x")).line("2")

    assert (line.kept, line.decode_status) == (True, "repaired")
    assert line.defects == ("other characters in base64",)


def test_parts_beyond_a_limit_are_not_kept_and_say_so() -> None:
    limits = replace(DEFAULT_LIMITS, attachments=1)

    taken = taken_apart(mail(one=PDF, two=PDF), limits)

    assert [line.kept for line in taken.lines] == [False, False, True, False]
    assert (taken.lines[-1].reason, taken.limits) == ("too many", ("attachments",))


def test_a_document_over_the_limit_is_counted_and_not_kept() -> None:
    limits = replace(DEFAULT_LIMITS, attachment_bytes=1_000)

    taken = taken_apart(mail(po=PDF + b"x" * 3_000_000), limits)

    line = taken.line("2")
    assert (line.kept, line.reason, line.size_bytes) == (False, "too large", 3_000_009)
    assert taken.limits == ("attachment_bytes",)


def test_a_content_bigger_than_what_memory_holds_is_whole() -> None:
    content = PDF + bytes(range(256)) * 20_000

    taken = taken_apart(mail(po=content))

    assert taken.documents == {"po.pdf": content}


@given(st.one_of(st.binary(), MAILISH, MAILISH.map(lambda tail: mail(po=PDF)[:-7] + tail)))
def test_no_bytes_whatever_break_it_and_no_path_comes_twice(raw: bytes) -> None:
    taken = taken_apart(raw)

    assert len(taken.lines) >= 1
    for line in taken.lines:
        if line.reason != "container":
            content = taken.contents[line.path]
            assert (line.size_bytes, line.sha256) == (len(content), sha256(content))
