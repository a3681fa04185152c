"""The parts of a message, found by offsets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.core.mime import Message, walk
from postroom.core.part import Part
from tests.decoding import read

MIXED = b"Content-Type: multipart/mixed; boundary=b\n\n"
MIMEISH = st.lists(
    st.sampled_from(
        [
            MIXED,
            b"Content-Type: multipart/digest; boundary=bb\n\n",
            b"Content-Type: message/rfc822\n\n",
            b"Content-Type: multipart/mixed\n\n",
            b"Content-Disposition: attachment; filename*0*=utf-8''%41\n",
            b"Content-Transfer-Encoding: base64\n",
            *b"\n--b\n|\n--b--\n|\n--bb\n|\n--bb--|\r\n--b\r\n|--b|\n|\r|\r\n".split(b"|"),
            *(b"QUJD", b"=", b"\x00\xff", b"From x y\n"),
        ]
    )
).map(b"".join)


def contents(raw: bytes) -> list[tuple[str, bytes]]:
    return [(part.path, raw[part.body_start : part.body_end]) for part in walk(raw).leaves]


def outline(message: Message) -> list[tuple[str, str]]:
    return [(part.path, part.content_type) for part in message.parts]


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        pytest.param(b"Subject: x\n\nbody\n", [("1", b"body\n")], id="no MIME"),
        pytest.param(b"", [("1", b"")], id="nothing"),
        pytest.param(b"A: 1\n", [("1", b"")], id="no body"),
        pytest.param(MIXED + b"--b\n\nx\n--b\n\ny\n--b--\n", [("1", b"x"), ("2", b"y")], id="two parts"),
        pytest.param(
            (MIXED + b"pre\n--b\n\nx\n\n--b--\npost").replace(b"\n", b"\r\n"), [("1", b"x\r\n")], id="CRLF"
        ),
        pytest.param((MIXED + b"--b\n\nx\n--b--").replace(b"\n", b"\r"), [("1", b"x")], id="bare CR"),
        pytest.param(MIXED + b"--b \t\n\nx\n--b-- \r\n", [("1", b"x")], id="blanks behind the boundary"),
        pytest.param(
            MIXED + b"--b\n\nx\n--c\n--ba\n-b\n --b\n", [("1", b"x\n--c\n--ba\n-b\n --b\n")], id="others"
        ),
        pytest.param(MIXED + b"--b\n--b\n\n--b\n\n\n--b--", [("1", b""), ("2", b""), ("3", b"")], id="empty"),
        pytest.param(
            MIXED + b"--b\nno header\n--b--", [("1", b"no header")], id="header and blank line missing"
        ),
    ],
)
def test_a_part_is_what_stands_between_its_boundaries(raw: bytes, found: list[tuple[str, bytes]]) -> None:
    assert contents(raw) == found


def test_a_part_tells_what_its_header_declares() -> None:
    raw = (
        b"Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\n"
        b'CONTENT-TYPE: Application/PDF; name="a.pdf"; charset=UTF-8\r\n'
        b"Content-Disposition: ATTACHMENT; filename*=utf-8''%C3%BC.pdf\r\n"
        b"Content-ID: <x@y>\r\nContent-Transfer-Encoding: Base64; (c)\r\n\r\nQUJD\r\n--b--\r\n"
    )

    message = walk(raw)

    assert message.leaves == (
        Part(
            path="1",
            start=52,
            body_start=235,
            body_end=239,
            content_type="application/pdf",
            charset="utf-8",
            filename="ü.pdf",
            disposition="attachment",
            content_id="x@y",
            transfer_encoding="base64",
            depth=1,
        ),
    )
    assert read(raw, message.leaves[0]).content == b"ABC"


def test_parts_are_numbered_as_imap_does_and_the_root_is_zero() -> None:
    raw = (
        MIXED
        + b"--b\n\ntext\n--b\nContent-Type: message/rfc822\n\n"
        + b"Content-Type: multipart/mixed; boundary=c\n\n--c\n\nx\n--c\nContent-Type: image/png\n\ny\n--c--\n"
        + b"--b\nContent-Type: message/rfc822\n\nSubject: s\n\nz\n"
        + b"--b\nContent-Type: multipart/alternative; boundary=d\n\n--d\n\n1\n--d--\n--b--\n"
    )

    message = walk(raw)

    assert outline(message) == [
        ("0", "multipart/mixed"),
        ("1", "text/plain"),
        ("2", "message/rfc822"),
        ("2.0", "multipart/mixed"),
        ("2.1", "text/plain"),
        ("2.2", "image/png"),
        ("3", "message/rfc822"),
        ("3.1", "text/plain"),
        ("4", "multipart/alternative"),
        ("4.1", "text/plain"),
    ]


def test_a_digest_is_made_of_messages() -> None:
    raw = b"Content-Type: multipart/digest; boundary=b\n\n--b\n\nSubject: s\n\nx\n--b--\n"

    message = walk(raw)

    assert outline(message) == [("0", "multipart/digest"), ("1", "message/rfc822"), ("1.1", "text/plain")]


def test_an_encoded_message_stays_one_part() -> None:
    message = walk(b"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\nQUJD")

    assert [(part.is_container, part.is_encoded_message) for part in message.parts] == [(False, True)]


@pytest.mark.parametrize(
    ("raw", "found", "defect"),
    [
        pytest.param(MIXED + b"--b\n\nx\n", [("1", b"x\n")], "end boundary missing", id="no end"),
        pytest.param(
            MIXED + b"--b\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\nx\n--b\n\ny\n--b--\n",
            [("1.1", b"x"), ("2", b"y")],
            "end boundary missing",
            id="no end inside",
        ),
        pytest.param(MIXED + b"text", [], "multipart without parts", id="no part"),
        pytest.param(
            b"Content-Type: multipart/mixed\n\n--z\nContent-Type: a/b\n\nx\n--z--\n",
            [("1", b"x")],
            "boundary guessed",
            id="no boundary declared",
        ),
        pytest.param(
            b"Content-Type: multipart/mixed\n\nx",
            [("1", b"x")],
            "multipart without boundary",
            id="nor any there",
        ),
        pytest.param(
            MIXED + b"--b\n\nx\n--b--\n--b\n\ny\n--b--\n",
            [("1", b"x"), ("2", b"y")],
            "part after the end boundary",
            id="opened again",
        ),
        pytest.param(
            b"Content-Type: text\n\nx", [("1", b"x")], "damaged content type", id="a type without its half"
        ),
    ],
)
def test_a_damaged_structure_still_gives_its_parts(
    raw: bytes, found: list[tuple[str, bytes]], defect: str
) -> None:
    message = walk(raw)

    assert contents(raw) == found
    assert message.defects == (defect,)


@pytest.mark.parametrize(
    ("outer", "inner"),
    [(b"b", b"b"), (b"b", b"bb"), (b"bb", b"b"), (b"b", b"b--"), (b"b", b"-b"), (b"b", b"b-1: x")],
)
def test_boundaries_that_look_alike_are_told_apart(outer: bytes, inner: bytes) -> None:
    raw = b'Content-Type: multipart/mixed; boundary="OO"\n\n'
    raw += b'--OO\nContent-Type: multipart/mixed; boundary="II"\n\n'
    raw += b"--II\n\nx\n--II\n\ny\n--II--\n--OO\n\nz\n--OO--\n"
    raw = raw.replace(b"OO", outer).replace(b"II", inner)

    assert contents(raw) == [("1.1", b"x"), ("1.2", b"y"), ("2", b"z")]


@pytest.mark.parametrize(
    ("header", "declared"),
    [
        (b"Content-Type: pdf", "application/octet-stream"),
        (b"Content-Type: application / pdf", "application/pdf"),
        (b"Content-Type: application/pdf name=x", "application/pdf"),
        (b"Content-Type:", "text/plain"),
        (b'Content-Type: "image/png"', "image/png"),
        (b"Content-Type: a/" + b"b" * 300, "application/octet-stream"),
        (b"Content-Type: a/b\nContent-Type: c/d", "a/b"),
    ],
)
def test_a_damaged_type_never_passes_for_a_text_body(header: bytes, declared: str) -> None:
    assert walk(header + b"\n\nx").parts[0].content_type == declared


@pytest.mark.parametrize(
    "written",
    [
        b"base64 ",
        b"BASE64;",
        b"base64 (x)",
        b'"base64"',
        b"(x) base64\r",
        b"(x (y) z) base64",
        b"()(())base64",
    ],
)
def test_a_transfer_encoding_is_understood(written: bytes) -> None:
    assert walk(b"Content-Transfer-Encoding: " + written + b"\n\nx").parts[0].transfer_encoding == "base64"


def nested(depth: int) -> bytes:
    level = b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n"
    return b"".join(level % (number, number) for number in range(depth)) + b"\nx"


@pytest.mark.parametrize(
    ("raw", "parts", "limits"),
    [
        pytest.param(MIXED + b"--b\n" * 100_000, 1_000, ("parts",), id="100,000 empty parts"),
        pytest.param(nested(2_000), 31, ("nesting",), id="2,000 multiparts deep"),
        pytest.param(b"Content-Type: message/rfc822\n\n" * 2_000, 31, ("nesting",), id="2,000 messages deep"),
        pytest.param(
            b"Content-Type: " + b";" * 65_536 + b"\n\nx",
            1,
            ("parsed_field_bytes",),
            id="64 KiB of semicolons",
        ),
        pytest.param(
            b"Content-Type: a/b" + b"".join(b";\n f*%d*=a" % n for n in range(16_000)) + b"\n\nx",
            1,
            ("parsed_field_bytes",),
            id="16,000 pieces",
        ),
        pytest.param(b"A: b\n" * 100_000 + b"\nx", 1, ("header_fields",), id="100,000 fields"),
        pytest.param(b"A: " + b"x" * 300_000 + b"\n\nx", 1, ("header_bytes",), id="a field of 300 KB"),
        pytest.param(
            MIXED + b"--b\nContent-Disposition: attachment\n\nx\n" * 201,
            202,
            ("attachments",),
            id="201 files",
        ),
        pytest.param(MIXED + b"--b\n\n" + b"x" * 3_000_000, 2, (), id="3 MB never closed"),
        pytest.param(MIXED + b"\n--" * 1_000_000, 1, (), id="a million dashes"),
        pytest.param(nested(30) + b"\n--b5--" * 300_000, 31, (), id="300,000 end boundaries"),
        pytest.param(
            MIXED + b"--b\nContent-Type: multipart/mixed\n\n" * 50_000,
            1_000,
            ("nesting", "parts"),
            id="guesses",
        ),
    ],
)
def test_a_bomb_ends_at_a_limit_that_is_named(raw: bytes, parts: int, limits: tuple[str, ...]) -> None:
    message = walk(raw)

    assert (len(message.parts), message.limits) == (parts, limits)


@given(st.one_of(st.binary(), MIMEISH))
def test_no_bytes_whatever_break_the_walk(raw: bytes) -> None:
    message = walk(raw)

    assert len({part.path for part in message.parts}) == len(message.parts) >= 1
    for part in message.leaves:
        assert read(raw, part).status in {"ok", "repaired", "failed"}


@given(MIMEISH)
def test_parts_lie_in_the_message_and_in_each_other(raw: bytes) -> None:
    around: list[Part] = []

    for part in walk(raw).parts:
        assert 0 <= part.start <= part.body_start <= part.body_end <= len(raw)
        while around and around[-1].body_end < part.body_end:
            around.pop()
        assert not around or (around[-1].is_container and around[-1].body_start <= part.start)
        if part.is_container:
            around.append(part)
