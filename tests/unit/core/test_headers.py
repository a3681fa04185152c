"""The header block, read from bytes as they come."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.core.header_grammar import lines_end_in_cr
from postroom.core.headers import read_header_block
from postroom.core.limits import DEFAULT_LIMITS

HEADERISH = st.lists(
    st.sampled_from(
        b"A: 1|Content-Type: a/b;|name=x| fold|junk|--b|\r|\n|\r\n|\x00|\xff|From x y|:| ".split(b"|")
    )
).map(b"".join)


@pytest.mark.parametrize(
    ("raw", "fields", "body"),
    [
        pytest.param(b"A: 1\r\nB: 2\r\n\r\nbody", [("A", b" 1"), ("B", b" 2")], b"body", id="CRLF"),
        pytest.param(b"A: 1\nB: 2\n\nbody", [("A", b" 1"), ("B", b" 2")], b"body", id="LF"),
        pytest.param(b"A: 1\rB: 2\r\rbody", [("A", b" 1"), ("B", b" 2")], b"body", id="bare CR"),
        pytest.param(b"A: 1\r\nB: 2\n\nbody", [("A", b" 1"), ("B", b" 2")], b"body", id="CRLF, then LF"),
        pytest.param(
            b"A: 1\rB: 2\n\r\nbody", [("A", b" 1"), ("B", b" 2")], b"body", id="CR, then the others"
        ),
        pytest.param(b"A: 1\r\r\nB: 2\r\r\n\r\r\nx", [("A", b" 1"), ("B", b" 2")], b"x", id="doubled CR"),
        pytest.param(b"A: 1\n\t2\n 3\n\nx", [("A", b" 1\n\t2\n 3")], b"x", id="folds"),
        pytest.param(b"A: 1\n \nB: 2\n\nx", [("A", b" 1\n "), ("B", b" 2")], b"x", id="a fold of blanks"),
        pytest.param(b"A : 1\n\nx", [("A", b" 1")], b"x", id="blanks before the colon"),
        pytest.param(b"A:\n\nx", [("A", b"")], b"x", id="nothing after the colon"),
        pytest.param(b"A: \x00\xff\n\nx", [("A", b" \x00\xff")], b"x", id="NUL and 8-bit"),
        pytest.param(b"A: 1", [("A", b" 1")], b"", id="no line end"),
        pytest.param(b"A: 1\n", [("A", b" 1")], b"", id="no body"),
        pytest.param(b"\nA: 1", [], b"A: 1", id="no field"),
        pytest.param(b"", [], b"", id="nothing"),
        pytest.param(b"A: 1\n--b\nx", [("A", b" 1")], b"--b\nx", id="a boundary ends the block"),
    ],
)
def test_fields_and_body_are_found(raw: bytes, fields: list[tuple[str, bytes]], body: bytes) -> None:
    block = read_header_block(raw)

    assert [(field.name, field.body) for field in block.fields] == fields
    assert raw[block.body_start :] == body
    assert block.defects == ()


@pytest.mark.parametrize(
    ("raw", "names", "body", "defect"),
    [
        pytest.param(b"From a@b Mon Jan\nA: 1\n\nx", ["A"], b"x", "mbox line on top", id="mbox"),
        pytest.param(b"\xef\xbb\xbfA: 1\n\nx", ["A"], b"x", "byte order mark on top", id="byte order mark"),
        pytest.param(b"A: 1\njunk\nB: 2\n\nx", ["A", "B"], b"x", "damaged header line", id="one lost line"),
        pytest.param(b"A: 1\n: 3\nB: 2\n\nx", ["A", "B"], b"x", "damaged header line", id="no name"),
        pytest.param(
            b"A: 1\nso it\ngoes\non\n\nx",
            ["A"],
            b"so it\ngoes\non\n\nx",
            "no blank line after the header",
            id="text at once",
        ),
        pytest.param(
            b"A: 1\nthe end", ["A"], b"the end", "no blank line after the header", id="one line of text"
        ),
    ],
)
def test_damage_is_said_and_survived(raw: bytes, names: list[str], body: bytes, defect: str) -> None:
    block = read_header_block(raw)

    assert [field.name for field in block.fields] == names
    assert raw[block.body_start :] == body
    assert defect in block.defects


def test_a_parameter_whose_fold_lost_its_blank_stays_with_its_field() -> None:
    block = read_header_block(b'Content-Type: a/b;\nname="C:x"\nSubject: s\n\n')

    assert [(f.name, f.body) for f in block.fields] == [
        ("Content-Type", b' a/b;\nname="C:x"'),
        ("Subject", b" s"),
    ]


def test_a_bare_cr_starts_no_field_in_a_mail_with_line_feeds() -> None:
    block = read_header_block(b"Subject: a\nX: x\rDelivered-To: victim@in.example\n\n")

    assert block.first("Delivered-To") is None


@pytest.mark.parametrize(
    ("raw", "lone"),
    [(b"a\rb\n", True), (b"a\r\nb\r", False), (b"a\nb\r", False), (b"a\r\r\n", False), (b"a", False)],
)
def test_the_first_line_says_how_lines_end(raw: bytes, lone: bool) -> None:
    assert lines_end_in_cr(raw) is lone


def test_the_topmost_field_is_the_first() -> None:
    block = read_header_block(b"To: a\nto: b\n\n")

    first = block.first("TO")

    assert first is not None
    assert first.unfolded == b"a"
    assert [field.start for field in block.every("to")] == [0, 6]


def test_offsets_count_from_the_start_of_the_whole() -> None:
    raw = b"....A: 1\n\nbody...."

    block = read_header_block(raw, 4, 14)

    assert (block.fields[0].start, block.body_start) == (4, 10)


def test_too_many_fields_are_dropped_and_the_body_is_found_all_the_same() -> None:
    raw = b"A: 1\r\n" * 100_000 + b"\r\nbody"

    block = read_header_block(raw)

    assert (len(block.fields), block.limits) == (1_000, ("header_fields",))
    assert raw[block.body_start :] == b"body"


def test_a_field_without_end_is_cut_and_the_body_is_found_all_the_same() -> None:
    raw = b"A: " + b"x\r\n " * 100_000 + b"\r\n\r\nbody"

    block = read_header_block(raw, limits=replace(DEFAULT_LIMITS, header_bytes=1_000))

    assert (len(block.fields[0].body), block.limits) == (998, ("header_bytes",))
    assert raw[block.body_start :] == b"body"


@pytest.mark.parametrize(
    "raw",
    [b"\r" * 3_000_000, b"From" + b" " * 3_000_000, b"x\n" * 1_500_000, b"A:" + b"\n \r" * 1_000_000],
    ids=["CR", "blanks", "text", "folds"],
)
def test_megabytes_of_nothing_are_read_in_one_pass(raw: bytes) -> None:
    assert 0 <= read_header_block(raw).body_start <= len(raw)


@given(st.one_of(st.binary(), HEADERISH), st.integers(0, 40), st.none() | st.integers(0, 80))
def test_no_bytes_whatever_break_the_reader(raw: bytes, start: int, end: int | None) -> None:
    start = min(start, len(raw))

    block = read_header_block(raw, start, end)

    places = [start, *(field.start for field in block.fields), block.body_start]
    assert places == sorted(places)
    assert block.body_start <= max(start, len(raw))
