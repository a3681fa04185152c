"""What comes out does not depend on where the blocks are cut."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.core.base64_text import base64_decoded
from postroom.core.part import Part
from postroom.core.quoted_printable import quoted_printable_decoded
from postroom.core.raw import BLOCK, Defects, whole_lines
from postroom.core.uuencode import uuencode_decoded
from postroom.core.yenc import yenc_decoded
from tests.decoding import Read, read

Decoder = Callable[[Iterable[bytes], Defects], Iterator[bytes]]
DECODERS: list[Decoder] = [base64_decoded, quoted_printable_decoded, uuencode_decoded, yenc_decoded]
PIECES = [
    *(b"QUJD", b"QQ==", b"QQ=", b"=", b"-", b"Our list\n", b"A", b"\n", b"\r\n", b" ", b"\t"),
    *(b"=3D", b"=ZZ", b"=\r\n", b"begin 644 x\n", b"#0V%T\n", b"#0V%T\r", b"`\n", b"end\n"),
    *(b"=ybegin size=3 name=x\r\n", b"=yend size=3\r\n", b"\xff\x00"),
]
TEXT = st.lists(st.sampled_from(PIECES), max_size=40)


def decoded(decoder: Decoder, blocks: list[bytes]) -> tuple[bytes, Defects]:
    defects: Defects = {}
    return b"".join(decoder(blocks, defects)), defects


@pytest.mark.parametrize("decoder", DECODERS, ids=lambda decoder: decoder.__name__)
@given(pieces=TEXT, cuts=st.lists(st.integers(0, 200), max_size=6))
def test_blocks_may_be_cut_anywhere(decoder: Decoder, pieces: list[bytes], cuts: list[int]) -> None:
    text = b"".join(pieces)
    at = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    blocks = [text[start:end] for start, end in pairwise(at)]

    content, defects = decoded(decoder, blocks)

    assert (content, set(defects)) == (decoded(decoder, [text])[0], set(decoded(decoder, [text])[1]))


@given(TEXT, st.integers(1, 9))
def test_lines_are_never_lost_between_blocks(pieces: list[bytes], size: int) -> None:
    text = b"".join(pieces)

    lines = list(whole_lines(text[at : at + size] for at in range(0, len(text), size)))

    assert b"".join(lines) == text
    assert all(line.endswith((b"\r", b"\n")) for line in lines[:-1])


@pytest.mark.parametrize("end", [b"\r\n", b"\n", b"\r", b" \r\n", b""])
@pytest.mark.parametrize("width", [76, 72, 60, 4, 75])
def test_base64_of_many_blocks_is_exact_whatever_its_lines(end: bytes, width: int) -> None:
    content = bytes(range(256)) * 1_400
    letters = base64.b64encode(content)
    body = b"".join(letters[at : at + width] + end for at in range(0, len(letters), width))

    found = read(body, Part("1", 0, 0, len(body), transfer_encoding="base64"))

    assert len(body) > 3 * BLOCK or not end
    assert found == Read(content)


@pytest.mark.parametrize("junk", [b"*", b"=", b"\x00", b"\r"])
def test_junk_in_the_middle_of_regular_lines_is_seen(junk: bytes) -> None:
    line = b"QUJD" * 19 + b"\r\n"
    body = line * 4_000 + b"QU" + junk + b"JD" * 37 + b"\r\n" + line * 4_000

    found = read(body, Part("1", 0, 0, len(body), transfer_encoding="base64"))

    assert (found.status == "ok") is (junk == b"\r")


@pytest.mark.parametrize(
    ("text", "content", "defects"),
    [
        pytest.param(
            b"\x00=1\n\x1a)\x00",
            b"",
            {"other characters in base64", "base64 goes on behind its padding", "base64 cut short"},
            id="a letter alone on its line",
        ),
        pytest.param(b"QQ== QUJD", b"A", {"base64 goes on behind its padding"}, id="letters behind a blank"),
        pytest.param(b"QQ= =QUJD", b"A", {"base64 goes on behind its padding"}, id="a blank in the padding"),
        pytest.param(b"QQ=\n\n=\n", b"A", set(), id="a line end in the padding"),
    ],
)
def test_blanks_behind_padding_tell_lines_apart_wherever_the_blocks_are_cut(
    text: bytes, content: bytes, defects: set[str]
) -> None:
    sizes = range(1, len(text) + 1)

    found = [
        decoded(base64_decoded, [text[at : at + size] for at in range(0, len(text), size)]) for size in sizes
    ]

    assert [(bytes_out, set(said)) for bytes_out, said in found] == [(content, defects) for _ in sizes]
