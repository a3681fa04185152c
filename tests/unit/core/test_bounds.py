"""What one mail may cost: memory in step with its length, whatever its shape."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import pytest

from postroom.core.decode import Decoded, decode
from postroom.core.kinds import referenced_cids
from postroom.core.part import Part
from tests.decoding import Read, read

SIZE = 3_000_000  # many of the blocks in which quoted-printable is decoded
SHORT, SHORTER = 2_000_000, 1_000_000
BEGIN = b"begin 644 x\n"
BLANKS = b" " * SIZE

SHAPES = {
    "line ends": b"\n",
    "CRLF": b"\r\n",
    "bare CR": b"\r",
    "blanks": b" ",
    "NUL": b"\x00",
    "dashes": b"--\n",
}
BASE64_SHAPES = SHAPES | {
    "equals": b"=",
    "one letter, padded": b"A=",
    "two letters, padded": b"AA=",
    "padded lines": b"QUJDRA==\n",
    "lines that are no base64": b"A=\n- -\n",
    "letters": b"A",
}
QUOTED_SHAPES = SHAPES | {
    "equals": b"=",
    "blank lines": b" \n",
    "tabs": b"\t \r\n",
    "equals and blanks": b"= ",
    "soft breaks": b"=\n",
    "soft breaks of CR": b"=\rA",
    "escaped line ends": b"=0D=0A",
    "escapes and junk": b"=41=ZZ",
    "escapes cut": b"=4",
}
DENSE = ("equals", "equals and blanks", "escapes cut")
"""One block of these takes some 11 MB by itself."""
UUENCODED_SHAPES = SHAPES | {
    "nothing": b"M\n",
    "zeros": b"#\n",
    "line by line": b"#0V%T\n",
    "letter by letter": b"!0\n",
    "damage": b"!~\n",
    "beginnings": BEGIN,
}


def peak(work: Callable[[], object]) -> int:
    """Return the most bytes that were allocated at one time during `work`."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def whole(body: bytes, encoding: str) -> Part:
    return Part("1", 0, 0, len(body), transfer_encoding=encoding)


def decoded(body: bytes, encoding: str) -> Decoded:
    return decode(body, whole(body, encoding))


@pytest.mark.parametrize(
    ("encoding", "piece", "size"),
    [
        *[pytest.param("base64", p, SHORTER, id=f"base64, {n}") for n, p in BASE64_SHAPES.items()],
        *[
            pytest.param("quoted-printable", p, SIZE if n in DENSE else SHORT, id=f"quoted-printable, {n}")
            for n, p in QUOTED_SHAPES.items()
        ],
        *[pytest.param("x-uuencode", p, SHORTER, id=f"uuencode, {n}") for n, p in UUENCODED_SHAPES.items()],
        pytest.param("8bit", b"\xff", SHORTER, id="8bit"),
        pytest.param("unknown", b"\n", SHORTER, id="unknown"),
    ],
)
def test_a_body_takes_four_times_its_length_at_most(encoding: str, piece: bytes, size: int) -> None:
    body = BEGIN + piece * (size // len(piece))

    used = peak(lambda: decoded(body, encoding))

    assert used <= 4 * size + 500_000


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        pytest.param("quoted-printable", BLANKS + b"x", id="one long run of blanks"),
        pytest.param("quoted-printable", BLANKS + b"=4" + b"=41" * 1_000, id="blanks, and escapes behind"),
        pytest.param("quoted-printable", b"x" * SIZE + b" ", id="one long line"),
        pytest.param("base64", b"A" * (SIZE - 2) + b"=", id="base64 in one run, padding wrong"),
        pytest.param("base64", b"=" + b"A" * SIZE, id="base64 behind its padding"),
        pytest.param("base64", b"A" * (SIZE - 4) + b"=A", id="base64 before the padding"),
        pytest.param("base64", b"A=" * 300_000 + b"A" * (SIZE - 600_000), id="many runs and a long one"),
        pytest.param("base64", b"-" + b"A" * SIZE, id="base64 and junk"),
        pytest.param("x-uuencode", BEGIN + b"M" * SIZE, id="uuencode in one line"),
        pytest.param("x-uuencode", BEGIN + BLANKS, id="uuencode of blanks"),
    ],
)
def test_a_body_in_one_piece_takes_four_times_its_length_at_most(encoding: str, body: bytes) -> None:
    used = peak(lambda: decoded(body, encoding))

    assert used <= 4 * SIZE + 500_000


@pytest.mark.parametrize(
    "html",
    [
        pytest.param(b"cid:" * (SIZE // 4), id="nothing but cid"),
        pytest.param(b"cid:a " * (SIZE // 6), id="one image shown often"),
        pytest.param(b"".join(b"cid:%06d " % at for at in range(SIZE // 11)), id="many images"),
        pytest.param(b"cid:%41 " * (SIZE // 8), id="escaped names"),
    ],
)
def test_images_in_html_take_four_times_its_length_at_most(html: bytes) -> None:
    used = peak(lambda: referenced_cids(html))

    assert used <= 4 * SIZE


@pytest.mark.parametrize(
    ("encoding", "body", "defect"),
    [
        pytest.param("base64", b"AA=\n" * 1_000_000, "too many runs of base64", id="runs of base64"),
        pytest.param("x-uuencode", BEGIN + b"!0\n" * 1_000_000, "uuencode out of proportion", id="lines"),
        pytest.param("x-uuencode", BEGIN + b"M\n" * 1_000_000, "uuencode out of proportion", id="zeros"),
    ],
)
def test_a_bomb_is_cut_and_said(encoding: str, body: bytes, defect: str) -> None:
    found = decoded(body, encoding)

    assert found.status == "repaired"
    assert defect in found.defects


def test_base64_that_was_padded_line_by_line_is_whole_however_long() -> None:
    body = (b"QUJD" * 14 + b"QQ==\n") * 50_000

    found = read(body, whole(body, "base64"))

    assert found == Read((b"ABC" * 14 + b"A") * 50_000, "repaired", ("base64 goes on behind its padding",))


def test_blanks_that_were_lost_at_the_ends_of_uuencoded_lines_come_back() -> None:
    body = BEGIN + b"M\n" * 1_000 + b"`\nend\n"

    found = read(body, whole(body, "x-uuencode"))

    assert found == Read(bytes(45_000))


@pytest.mark.parametrize("blanks", [b" " * 200_000, b" \t" * 65_536])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_a_soft_break_is_seen_behind_any_number_of_blanks(blanks: bytes, end: bytes) -> None:
    body = b"a=" + blanks + end + b"b" + blanks + end + blanks + b"c"

    found = read(body, whole(body, "quoted-printable"))

    assert found == Read(b"ab" + end + blanks + b"c")


@pytest.mark.parametrize("shift", range(4))
def test_an_escape_is_seen_wherever_it_stands_in_a_long_line(shift: int) -> None:
    body = b"x" * shift + b"=3D" * 200_000

    found = read(body, whole(body, "quoted-printable"))

    assert found == Read(b"x" * shift + b"=" * 200_000)
