"""Where one letter more, or a block that ends one letter earlier, decides: base64."""

from __future__ import annotations

import pytest

from postroom.core.base64_text import base64_decoded
from postroom.core.raw import Defects

GOES_ON = "base64 goes on behind its padding"
JUNK = "other characters in base64"
TOO_MANY = "too many runs of base64"
FEW_RUNS = 11_428  # of four bytes: 10,000, and one for each 32 bytes
LINE = b"JD" + b"QUJD" * 18 + b"QU\r\n"  # one of 76 letters, that begins within a group of four


def decoded(*blocks: bytes) -> tuple[bytes, list[str]]:
    defects: Defects = {}
    return b"".join(base64_decoded(blocks, defects)), list(defects)


@pytest.mark.parametrize(
    ("blocks", "content", "defects"),
    [
        pytest.param([b"QUJDQU", LINE, LINE, b"JD"], b"ABC" * 40, [], id="lines within a group"),
        pytest.param([b"QU*", b"=\nQUJD"], b"AABC", [JUNK, GOES_ON], id="padding on top of a block"),
        pytest.param([b"QQ="], b"A", ["base64 padding wrong"], id="half of the padding"),
        pytest.param([b"QQ==\n", b"\n", b"QUJD\n"], b"AABC", [GOES_ON], id="blank lines behind padding"),
        pytest.param([b"QQ==\n", b"QUJDQ\n", b"UJD\n"], b"AABCABC", [GOES_ON], id="a group in two blocks"),
        pytest.param(
            [b"QQ==\n", b"QUJDQ\n"], b"AABC", [GOES_ON, "base64 cut short"], id="a letter left over"
        ),
    ],
)
def test_base64_is_exact_however_its_blocks_are_cut(
    blocks: list[bytes], content: bytes, defects: list[str]
) -> None:
    assert decoded(*blocks) == (content, defects)


@pytest.mark.parametrize(
    ("runs", "last", "defects"),
    [
        pytest.param(FEW_RUNS, b"\x01\x01", [GOES_ON], id="as many as there may be"),
        # "AX" and "AX", each a byte and padded, are read as one run of three bytes.
        pytest.param(FEW_RUNS + 1, b"\x01p\x17", [GOES_ON, TOO_MANY], id="one more"),
    ],
)
def test_so_many_padded_runs_are_read_one_by_one_and_not_one_more(
    runs: int, last: bytes, defects: list[str]
) -> None:
    found = decoded(b"AA==\n" + b"AA=\n" * runs, b"AX=\nAX=\n")

    assert found == (bytes(runs + 1) + last, defects)
