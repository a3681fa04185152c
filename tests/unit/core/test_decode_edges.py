"""Where one byte more decides: what is left encoded, and the edges of quoted-printable."""

from __future__ import annotations

import base64

import pytest

from postroom.core.mime import walk
from postroom.core.part import Part
from postroom.core.quoted_printable import quoted_printable_decoded
from postroom.core.raw import BLOCK, Defects
from tests.decoding import Read, read

PDF = b"%PDF-1.4\n" + bytes(range(256)) * 4
LONG_PDF = PDF * 100
TEXT = b"nothing that anybody knows\n" * 40
NOT_DECLARED = "base64 that is not declared"
UNKNOWN = "unknown transfer encoding"
STILL_ENCODED = "may be encoded still"
DAMAGED = "damaged quoted-printable"


def lines(content: bytes) -> bytes:
    return base64.encodebytes(content)


def decoded(body: bytes, encoding: str, content_type: str = "application/octet-stream") -> Read:
    part = Part("1", 0, 0, len(body), content_type=content_type, transfer_encoding=encoding)
    return read(body, part)


def test_a_container_is_taken_as_it_stands() -> None:
    body = b"--b\r\nContent-Transfer-Encoding: base64\r\n\r\nQUJD\r\n--b--"
    part = Part("0", 0, 0, len(body), transfer_encoding="base64", is_container=True)

    found = read(body, part)

    assert found == Read(body)


def test_a_piece_of_a_larger_mail_is_said_to_be_one() -> None:
    found = decoded(b"Subject: x\n\nfirst half", "7bit", "message/partial")

    assert found == Read(b"Subject: x\n\nfirst half", "failed", ("piece of a larger mail",))


@pytest.mark.parametrize("content", [PDF, LONG_PDF], ids=["one block", "many blocks"])
@pytest.mark.parametrize("before", [b"", b"\r\n \r\n"], ids=["at once", "behind blank lines"])
def test_a_document_whose_encoding_nobody_declared_is_decoded(content: bytes, before: bytes) -> None:
    found = decoded(before + lines(content), "7bit", "application/pdf")

    assert found == Read(content, "repaired", (NOT_DECLARED,))


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        pytest.param(lines(PDF), "text/plain", id="text"),
        pytest.param(lines(PDF), "message/delivery-status", id="message"),
        pytest.param(lines(PDF), "multipart/mixed", id="multipart without parts"),
        pytest.param(lines(TEXT), "application/pdf", id="letters of nothing that is known"),
        pytest.param(PDF, "application/pdf", id="no base64"),
        pytest.param(LONG_PDF, "application/pdf", id="no base64, in many blocks"),
        pytest.param(b"", "application/pdf", id="nothing"),
    ],
)
def test_what_need_not_be_encoded_stays_as_it_is(body: bytes, content_type: str) -> None:
    assert len(LONG_PDF) > BLOCK
    assert decoded(body, "7bit", content_type) == Read(body)


@pytest.mark.parametrize(
    ("encoding", "before"), [("7bit", []), ("x-nobody-knows", [UNKNOWN])], ids=["none", "unknown"]
)
def test_damage_to_base64_that_is_not_declared_is_said(encoding: str, before: list[str]) -> None:
    found = decoded(lines(PDF).rstrip(b"=\n")[:-1], encoding, "application/pdf")

    assert found == Read(PDF[:-1], "repaired", (*before, NOT_DECLARED, "base64 cut short"))


@pytest.mark.parametrize(
    ("fields", "body", "content"),
    [
        pytest.param(b"7bit|base64", lines(TEXT), TEXT, id="base64 below"),
        pytest.param(b"8bit|base64", lines(LONG_PDF), LONG_PDF, id="in many blocks"),
        pytest.param(b"base64|7bit", lines(TEXT), TEXT, id="base64 on top"),
        pytest.param(b"7bit|base64", TEXT, TEXT, id="the upper one is right"),
        pytest.param(b"7bit|quoted-printable", b"a=3D", b"a=3D", id="not base64"),
        pytest.param(b"7bit|7bit", lines(TEXT), lines(TEXT), id="the same twice"),
    ],
)
def test_a_transfer_encoding_that_contradicts_another_is_believed_if_the_body_looks_so(
    fields: bytes, body: bytes, content: bytes
) -> None:
    name = b"Content-Transfer-Encoding: "
    raw = name + fields.replace(b"|", b"\n" + name) + b"\n\n" + body

    part = walk(raw).parts[0]

    assert read(raw, part).content == content
    assert ("contradicting transfer encodings" in part.defects) is (
        fields in {b"7bit|base64", b"8bit|base64"}
    )


@pytest.mark.parametrize("content", [TEXT, LONG_PDF], ids=["one block", "many blocks"])
def test_base64_under_an_unknown_encoding_is_decoded(content: bytes) -> None:
    found = decoded(lines(content), "x-nobody-knows")

    assert found == Read(content, "repaired", (UNKNOWN, NOT_DECLARED))


@pytest.mark.parametrize(
    ("body", "status", "defects"),
    [
        pytest.param(b"", "failed", (UNKNOWN, STILL_ENCODED), id="nothing"),
        pytest.param(b"x\n" * BLOCK, "failed", (UNKNOWN, STILL_ENCODED), id="7-bit"),
        pytest.param(b"\xff" + b"x\n" * BLOCK, "repaired", (UNKNOWN,), id="an 8-bit byte in the first block"),
        pytest.param(b"x\n" * BLOCK + b"\xff", "repaired", (UNKNOWN,), id="an 8-bit byte in the last block"),
    ],
)
def test_only_eight_bit_bytes_prove_that_nothing_is_encoded(
    body: bytes, status: str, defects: tuple[str, ...]
) -> None:
    found = decoded(body, "x-nobody-knows")

    assert (found.content, found.status, found.defects) == (body, status, defects)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(b"x=4", Read(b"x=4", "repaired", (DAMAGED,)), id="an escape that is cut"),
        pytest.param(b"x=X", Read(b"x=X", "repaired", (DAMAGED,)), id="a letter that is no digit"),
        pytest.param(b"x= ", Read(b"x"), id="a soft break that lost its line end, with a blank"),
        pytest.param(b"x=\r", Read(b"x", "repaired", (DAMAGED,)), id="a soft break of CR"),
        pytest.param(b"x \t", Read(b"x"), id="blanks at the end"),
    ],
)
def test_quoted_printable_ends_as_it_can(body: bytes, expected: Read) -> None:
    assert decoded(body, "quoted-printable") == expected


@pytest.mark.parametrize("text", [b"=41", b"=41=42", b"a=\n=41", b"a= \r\n=41", b"==41", b"a b =41"])
def test_an_escape_is_never_cut_by_a_block(text: bytes) -> None:
    whole: Defects = {}
    cut: Defects = {}

    in_one = b"".join(quoted_printable_decoded([text], whole))
    by_bytes = b"".join(quoted_printable_decoded([bytes((code,)) for code in text], cut))

    assert (by_bytes, cut) == (in_one, whole)
    assert in_one.endswith((b"A", b"B"))
