"""Content out of its transfer encoding."""

from __future__ import annotations

import base64
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.core.part import Part
from tests.decoding import Read, read

LOST_BLANKS = 1024 * 1024  # bytes that uuencode may stand for without a letter


def decoded(body: bytes, encoding: str) -> Read:
    return read(b"ab" + body + b"yz", Part("1", 0, 2, 2 + len(body), transfer_encoding=encoding))


@pytest.mark.parametrize(
    ("encoding", "body", "content"),
    [
        pytest.param("7bit", b"a\r\nb\n", b"a\r\nb\n", id="7bit"),
        pytest.param("binary", b"\x00\xff", b"\x00\xff", id="binary"),
        pytest.param("base64", b"QUJD\r\nRA==\r\n", b"ABCD", id="base64"),
        pytest.param("base64", b"", b"", id="base64 of nothing"),
        pytest.param("quoted-printable", b"a=3D=\r\nb=c3=A9\r\n", b"a=b\xc3\xa9\r\n", id="quoted-printable"),
        pytest.param("quoted-printable", b"a= \t\r\nb \n ", b"ab\n", id="blanks added on the way"),
        pytest.param("quoted-printable", b"a=", b"a", id="a soft line break at the end"),
        pytest.param("x-uuencode", b"begin 644 x\n#0V%T\n`\nend\n", b"Cat", id="uuencode"),
        pytest.param(
            "uuencode", b"text\r\nbegin 644 x\r\n#0V%T\r\n`\r\nend\r\n", b"Cat", id="uuencode, CRLF"
        ),
    ],
)
def test_sound_content_is_decoded(encoding: str, body: bytes, content: bytes) -> None:
    assert decoded(body, encoding) == Read(content, "ok", ())


@pytest.mark.parametrize(
    ("encoding", "body", "expected"),
    [
        pytest.param(
            "base64", b"QUJDRA", Read(b"ABCD", "repaired", ("base64 padding wrong",)), id="padding missing"
        ),
        pytest.param("base64", b"QUJDR", Read(b"ABC", "repaired", ("base64 cut short",)), id="six bits over"),
        pytest.param(
            "base64",
            b"QQ==\nQkM=\nRA==",
            Read(b"ABCD", "repaired", ("base64 goes on behind its padding",)),
            id="padded runs",
        ),
        pytest.param(
            "base64",
            b"QU*JD!",
            Read(b"ABC", "repaired", ("other characters in base64",)),
            id="junk between",
        ),
        pytest.param(
            "base64",
            b"QUI=\n_____\nOur list\na@b\n",
            Read(b"AB", "repaired", ("other characters in base64", "base64 goes on behind its padding")),
            id="a list's footer",
        ),
        pytest.param("base64", b"!!!", Read(b"", "failed", ("other characters in base64",)), id="no base64"),
        pytest.param("base64", b"A", Read(b"", "failed", ("base64 cut short",)), id="one letter"),
        pytest.param(
            "quoted-printable",
            b"=ZZ=41==41=",
            Read(b"=ZZA=A", "repaired", ("damaged quoted-printable",)),
            id="bad escapes",
        ),
        pytest.param(
            "uuencode",
            b"begin 644 x\n#0V%T\n#0V",
            Read(b"CatC`\x00", "repaired", ("uuencode cut short",)),
            id="uuencode without end",
        ),
        pytest.param(
            "uuencode", b"nothing", Read(b"", "failed", ("no uuencoded file in it",)), id="no uuencode"
        ),
        pytest.param(
            "x-gzip64",
            b"x",
            Read(b"x", "failed", ("unknown transfer encoding", "may be encoded still")),
            id="unknown encoding",
        ),
    ],
)
def test_damage_is_repaired_and_said(encoding: str, body: bytes, expected: Read) -> None:
    assert decoded(body, encoding) == expected


@given(st.binary(), st.integers(1, 80))
def test_any_content_comes_back_from_base64(content: bytes, width: int) -> None:
    letters = base64.b64encode(content)
    lines = b"\r\n".join(letters[at : at + width] for at in range(0, len(letters), width))

    assert decoded(lines, "base64") == Read(content)


@given(st.binary())
def test_any_content_comes_back_from_quoted_printable(content: bytes) -> None:
    body = quopri.encodestring(content.replace(b"\r", b""), quotetabs=True)

    assert decoded(body, "quoted-printable").content == content.replace(b"\r", b"")


@pytest.mark.parametrize(
    ("encoding", "piece"),
    [
        *[("base64", piece) for piece in (b"A=", b"AA=", b"=", b"-", b"A=\n", b"\r")],
        *[("quoted-printable", piece) for piece in (b" ", b"\t", b"=", b"=4 ", b"=\r", b" \n")],
        *[("uuencode", piece) for piece in (b"begin 644 x\n", b"\n", b"begin 6 ", b"#0V%T\n")],
    ],
)
def test_a_bomb_is_decoded_in_one_pass(encoding: str, piece: bytes) -> None:
    body = b"begin 644 x\n" + piece * 200_000

    assert len(decoded(body, encoding).content) <= len(body)


@given(
    st.one_of(st.binary(), st.text("=ABab01+/ \r\n`#%\t").map(str.encode)),
    st.sampled_from(["base64", "quoted-printable", "x-uuencode", "7bit", "nobody knows"]),
)
def test_no_bytes_whatever_break_the_decoder(body: bytes, encoding: str) -> None:
    found = decoded(body, encoding)

    assert (found.status == "ok") == (found.defects == ())
    assert len(found.content) <= len(body) + LOST_BLANKS
