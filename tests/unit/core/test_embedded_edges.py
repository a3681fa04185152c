"""Where one line or one letter more decides: uuencode and yEnc."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from postroom.core import yenc
from postroom.core.raw import Defects
from postroom.core.uuencode import is_uuencoded, uuencode_decoded
from postroom.core.yenc import yenc_decoded

UU = b"begin 644 x\n"
BASE64 = b"begin-base64 644 x\n"
OUT_OF_PROPORTION = {"uuencode out of proportion": None}
FEW_LINES = 11_034  # of three bytes: 10,000, and one for each 32 bytes
FEW_BYTES = 34_954  # lines of 33 bytes that stand for 63: a mebibyte more than there are letters


def uudecoded(blocks: Iterable[bytes]) -> tuple[bytes, Defects]:
    defects: Defects = {}
    return b"".join(uuencode_decoded(blocks, defects)), defects


def ydecoded(*blocks: bytes) -> tuple[bytes, Defects]:
    defects: Defects = {}
    return b"".join(yenc_decoded(blocks, defects)), defects


@pytest.mark.parametrize(
    ("line", "is_one"),
    [
        pytest.param(b"#0V%T", True, id="as long as it says"),
        pytest.param(b"#0 %T", True, id="a blank in it"),
        pytest.param(b"`", True, id="nothing, as a grave accent"),
        pytest.param(b" ", True, id="nothing, as a blank"),
        pytest.param(b"#0V", True, id="two blanks lost"),
        pytest.param(b"#0", False, id="three lost"),
        pytest.param(b"#0V%TXX", True, id="two letters more"),
        pytest.param(b"#0V%TXXX", False, id="three more"),
        pytest.param(b"#0V%a", False, id="a small letter"),
        pytest.param(b"#0V%\x1f", False, id="a control"),
        pytest.param(b"", False, id="an empty line"),
    ],
)
def test_a_line_of_uuencode_is_known_by_its_length(line: bytes, is_one: bool) -> None:
    assert is_uuencoded(line) is is_one


@pytest.mark.parametrize(
    ("blocks", "content", "defects"),
    [
        pytest.param([b"text\n", UU, b"#0V%T\n`\nend\n"], b"Cat", [], id="text in a block before"),
        pytest.param([UU + b" 0V%T\n#0V%T\nend\n"], b"Cat", ["damaged uuencode"], id="letters for nothing"),
        pytest.param([UU + b"#0V%TX\nend\n"], b"Cat", ["damaged uuencode"], id="a letter more than it says"),
        pytest.param([UU + b"#0~%T\n#0V%T\nend\n"], b"Cat", ["damaged uuencode"], id="no letter of uuencode"),
        pytest.param([UU + b"#0V%X\nend\n"], b"Cax", [], id="a letter that stands last"),
        pytest.param([UU + b"#0V%T\r#0V%T\r`\rend\r"], b"CatCat", [], id="lines that end in CR"),
        pytest.param([UU + b"#0V%T\r", b"#0V%T\nend\n"], b"CatCat", [], id="a CR where a block ends"),
        pytest.param([BASE64, b"Q2F0\n", b"====\n", b"QUJD\n"], b"Cat", [], id="base64, block by block"),
        pytest.param([BASE64 + b"Q2F0\n====\nQUJD\n"], b"Cat", [], id="base64, and text behind it"),
        pytest.param([BASE64 + b"Q2*F0\n====\n"], b"Cat", ["other characters in base64"], id="base64, junk"),
    ],
)
def test_a_file_in_uuencode_is_read_line_by_line(
    blocks: list[bytes], content: bytes, defects: list[str]
) -> None:
    assert uudecoded(blocks) == (content, dict.fromkeys(defects))


@pytest.mark.parametrize(("count", "defects"), [(FEW_LINES, {}), (FEW_LINES + 1, OUT_OF_PROPORTION)])
def test_so_many_short_lines_are_read_and_not_one_more(count: int, defects: Defects) -> None:
    found = uudecoded([UU + b"!0\n" * count + b"end\n"])

    assert found == (b"@" * FEW_LINES, defects)


def test_the_lines_of_earlier_blocks_count() -> None:
    found = uudecoded([UU, *[b"!0\n"] * 10_600, b"end\n"])

    assert found == (b"@" * 10_600, {})


@pytest.mark.parametrize(("count", "defects"), [(FEW_BYTES, {}), (FEW_BYTES + 1, OUT_OF_PROPORTION)])
@pytest.mark.parametrize("cut", [False, True], ids=["in one block", "line by line"])
def test_so_much_is_made_of_lost_blanks_and_not_a_line_more(cut: bool, count: int, defects: Defects) -> None:
    line = b"_" + b"A" * 31 + b"\n"
    body = [line] * count if cut else [line * count]

    content, found = uudecoded([UU, *body, b"end\n"])

    assert (len(content), found) == (63 * FEW_BYTES, defects)


def test_the_name_of_a_yenc_file_goes_on_to_the_end_of_the_line() -> None:
    assert yenc.name(b"line=128 size=3 name=my name=x.txt ") == b"my name=x.txt"


@pytest.mark.parametrize(
    ("begin", "letters", "end", "content", "defects"),
    [
        pytest.param(b"name=x", b"m\x8b\x9e", b"size=3", b"Cat", [], id="no checksum"),
        pytest.param(b"part=1 total=1 name=x", b"m\x8b\x9e", b"size=3", b"Cat", [], id="the only piece"),
        pytest.param(b"name=a part=1 name=x", b"m\x8b\x9e", b"size=3", b"Cat", [], id="a piece by name"),
        pytest.param(b"name=x", b"mXX", b"size=3", b"C..", [], id="letters that are X"),
        pytest.param(
            b"name=x", b"m\x8b\x9e", b"size=3 pcrc32=a6130548 crc32=00000000", b"Cat", [], id="of the piece"
        ),
        pytest.param(
            b"name=x",
            b"m\x8b\x9e",
            b"size=3 pcrc32=00000000 crc32=a6130548",
            b"Cat",
            ["yEnc size or checksum wrong"],
            id="of the whole alone",
        ),
    ],
)
def test_yenc_is_read_as_it_says(
    begin: bytes, letters: bytes, end: bytes, content: bytes, defects: list[str]
) -> None:
    found = ydecoded(b"=ybegin " + begin + b"\r\n" + letters + b"\r\n=yend " + end + b"\r\n")

    assert found == (content, dict.fromkeys(defects))


def test_an_escape_of_yenc_may_be_cut_from_its_letter_by_a_line() -> None:
    found = ydecoded(b"=ybegin name=x\r\n", b"m\r\n", b"=\r\n", b"}\r\n", b"=yend size=2 crc32=1e334fe7\r\n")

    assert found == (b"C\x13", {})


def test_only_the_first_part_line_of_yenc_is_none_of_the_content() -> None:
    found = ydecoded(b"=ybegin name=x\r\n=ypart begin=1 end=7\r\n=ypart b\r\n=yend size=7\r\n")

    assert found == (b"\x0fF7HJ\xf68", {})
