"""Files inside a text: uuencode and yEnc."""

from __future__ import annotations

import binascii
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.core.embedded import embedded
from postroom.core.part import Part
from tests.decoding import Read, read

HOST = Part("1", 0, 0, 0, content_type="text/plain")
CAT = b"begin 644 cat.txt\n#0V%T\n`\nend\n"


def uuencoded(content: bytes, name: bytes = b"a.bin") -> bytes:
    lines = [binascii.b2a_uu(content[at : at + 45], backtick=True) for at in range(0, len(content), 45)]
    return b"begin 644 " + name + b"\n" + b"".join(lines) + b"`\nend\n"


def yencoded(content: bytes, name: bytes = b"a.bin", width: int = 128) -> bytes:
    shifted = bytes((code + 42) % 256 for code in content)
    letters = b"".join(
        b"=" + bytes(((code + 64) % 256,)) if code in b"\x00\n\r=" else bytes((code,)) for code in shifted
    )
    lines, at = [], 0
    while at < len(letters):
        end = at + width + (letters[at + width - 1 : at + width] == b"=")
        lines.append(letters[at:end])
        at = end
    head = b"=ybegin line=%d size=%d name=%s" % (width, len(content), name)
    end_line = b"=yend size=%d crc32=%08x" % (len(content), zlib.crc32(content))
    return b"\r\n".join([head, *lines, end_line, b""])


def files(text: bytes) -> list[tuple[str, bytes]]:
    found = embedded(text, HOST, 0, len(text), most=1_000)
    return [(part.filename, read(text, part).content) for part in found]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param(b"Hello\n" + CAT + b"Bye\n", [("cat.txt", b"Cat")], id="between lines"),
        pytest.param(CAT.replace(b"\n", b"\r\n"), [("cat.txt", b"Cat")], id="CRLF"),
        pytest.param(CAT + b"\n" + CAT, [("cat.txt", b"Cat")] * 2, id="two"),
        pytest.param(CAT[:-4] + CAT, [("cat.txt", b"Cat")] * 2, id="no end before the next"),
        pytest.param(b"begin 644 tomorrow at noon\nwith coffee\nend\n", [], id="a sentence"),
        pytest.param(b"we begin 644 x\n#0V%T\nend\n", [], id="not at the start of a line"),
        pytest.param(
            b"begin-base64 644 c.txt\nQ2F0\n====\n", [("c.txt", b"Cat")], id="the base64 of uuencode"
        ),
        pytest.param(yencoded(b"Cat", b"my cat.txt"), [("my cat.txt", b"Cat")], id="yEnc"),
        pytest.param(CAT + yencoded(b"Dog"), [("cat.txt", b"Cat"), ("a.bin", b"Dog")], id="both"),
        pytest.param(b"begin 644 =?utf-8?q?=C3=BC.txt?=\n#0V%T\n`\nend\n", [("ü.txt", b"Cat")], id="names"),
    ],
)
def test_a_file_in_a_text_is_found(text: bytes, found: list[tuple[str, bytes]]) -> None:
    assert files(text) == found


def test_files_are_numbered_below_their_text() -> None:
    text = b"x\n" + CAT + CAT

    found = embedded(text, HOST, 0, len(text), most=1_000)

    assert [(part.path, part.body_start, part.body_end) for part in found] == [
        ("1.1", 2, 32),
        ("1.2", 32, 62),
    ]


def test_no_more_files_are_found_than_there_is_room_for() -> None:
    assert len(embedded(CAT * 100, HOST, 0, 3_000, most=7)) == 7


@given(st.binary(), st.integers(1, 200))
def test_any_content_comes_back_from_yenc(content: bytes, width: int) -> None:
    assert files(b"text\r\n" + yencoded(content, width=width) + b"text\r\n") == [("a.bin", content)]


@given(st.binary(min_size=1), st.binary().filter(lambda text: b"egin" not in text))
def test_any_content_comes_back_from_uuencode(content: bytes, around: bytes) -> None:
    text = around + b"\n" + uuencoded(content)

    assert files(text) == [("a.bin", content)]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            yencoded(b"Cat").replace(b"crc32=a", b"crc32=b"),
            Read(b"Cat", "repaired", ("yEnc size or checksum wrong",)),
            id="another checksum",
        ),
        pytest.param(
            yencoded(b"Cat").replace(b"yend size=3", b"yend size=4"),
            Read(b"Cat", "repaired", ("yEnc size or checksum wrong",)),
            id="another size",
        ),
        pytest.param(
            yencoded(b"Cat").partition(b"=yend")[0],
            Read(b"Cat", "repaired", ("yEnc cut short",)),
            id="no end",
        ),
        pytest.param(
            yencoded(b"Cat")
            .replace(b"=ybegin ", b"=ybegin part=1 total=2 ")
            .replace(b"\r\n", b"\r\n=ypart begin=1 end=3\r\n", 1),
            Read(b"Cat", "repaired", ("piece of a larger yEnc file",)),
            id="one of several pieces",
        ),
        pytest.param(b"nothing", Read(b"", "failed", ("no yEnc file in it",)), id="nothing"),
    ],
)
def test_damaged_yenc_is_said(body: bytes, expected: Read) -> None:
    assert read(body, Part("1", 0, 0, len(body), transfer_encoding="x-yencode")) == expected


PIECES = [
    *(b"begin 644 x\n", b"#0V%T\n", b"end\n"),
    *(b"=ybegin name=x\n", b"=yend\n", b"\r", b"x", b"="),
]


@given(st.lists(st.sampled_from(PIECES)))
def test_no_text_whatever_breaks_the_search(pieces: list[bytes]) -> None:
    text = b"".join(pieces)

    parts = embedded(text, HOST, 0, len(text), most=1_000)

    before = 0
    for part in parts:
        assert before <= part.body_start <= part.body_end <= len(text)
        assert read(text, part).status in {"ok", "repaired", "failed"}
        before = part.body_end
