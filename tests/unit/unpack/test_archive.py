"""Zip: what can be read comes out, and no bomb, link, lie or name does harm."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postroom.unpack.archive import open_zip
from postroom.unpack.container import Room
from postroom.unpack.shelf import Full, Shelf
from tests.unit.unpack.opening import QUICK, ROOM, opened

MIB = 1024 * 1024


def zipped(*entries: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in entries:
            archive.writestr(zipfile.ZipInfo(name), content, compress_type=method)
    return out.getvalue()


def changed(archive: bytes, at: int, value: bytes) -> bytes:
    """Return the archive with other bytes at that place of its first directory entry."""
    start = archive.index(b"PK\x01\x02") + at
    return archive[:start] + value + archive[start + len(value) :]


def test_entries_come_out_with_the_names_they_have(tmp_path: Path) -> None:
    packed = zipped(("a.csv", b"1;2"), ("sub/", b""), ("sub/Ü.pdf", b"%PDF-"), ("empty", b""))

    found = opened(tmp_path, "zip", packed)

    assert found.files == [("a.csv", b"1;2"), ("sub/Ü.pdf", b"%PDF-"), ("empty", b"")]
    assert (found.answer.reason, found.answer.defects, found.answer.limits) == ("", (), ())


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "/etc/passwd", "a/../../b", "..\\..\\b", "\\\\server\\b"]
)
def test_a_path_out_of_the_zip_is_a_name_and_no_path(tmp_path: Path, name: str) -> None:
    found = opened(tmp_path, "zip", zipped((name, b"x")))

    (inner,) = found.answer.inner
    assert inner.file == tmp_path / "into" / "1"
    assert inner.filename == name
    assert found.answer.defects == ("path out of the zip",)


def test_two_entries_of_one_name_both_come_out(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        packed = zipped(("a.pdf", b"1"), ("a.pdf", b"2"))

    found = opened(tmp_path, "zip", packed)

    assert found.files == [("a.pdf", b"1"), ("a.pdf", b"2")]
    assert found.answer.defects == ("duplicate name in zip",)


@pytest.mark.parametrize(
    ("spoil", "reason", "defect"),
    [
        pytest.param(
            lambda it: changed(it, 8, b"\x01\x00"), "encrypted", "encrypted zip entry", id="encrypted"
        ),
        pytest.param(
            lambda it: changed(it, 38, struct.pack("<I", 0o120777 << 16)),
            "not unpacked",
            "zip entry is a link",
            id="link",
        ),
        pytest.param(
            lambda it: changed(it, 10, struct.pack("<H", 9)),
            "not unpacked",
            "zip entry packed by another method",
            id="deflate64",
        ),
        pytest.param(
            lambda it: changed(it, 16, b"\x00\x00\x00\x00"),
            "not unpacked",
            "damaged zip entry",
            id="wrong checksum",
        ),
        pytest.param(
            lambda it: changed(it, 20, struct.pack("<I", 60)),
            "not unpacked",
            "overlapping zip entries",
            id="longer than its bytes",
        ),
        pytest.param(
            lambda it: changed(it, 42, struct.pack("<I", 2**31)),
            "not unpacked",
            "overlapping zip entries",
            id="somewhere else",
        ),
    ],
)
def test_what_cannot_be_read_stays_in_it_and_the_rest_comes_out(
    tmp_path: Path, spoil: Callable[[bytes], bytes], reason: str, defect: str
) -> None:
    packed = spoil(zipped(("bad", b"bad" * 9), ("good", b"good")))

    found = opened(tmp_path, "zip", packed)

    assert found.files == [("good", b"good")]
    assert (found.answer.reason, found.answer.defects) == (reason, (defect,))


def test_entries_that_quote_each_other_are_read_once(tmp_path: Path) -> None:
    kernel = zipped(("kernel", b"\x00" * MIB))
    start = kernel.index(b"PK\x01\x02")
    entry = kernel[start : kernel.index(b"PK\x05\x06")]
    directory = entry * 500
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 500, 500, len(directory), start, 0)

    found = opened(tmp_path, "zip", kernel[:start] + directory + end)

    assert found.files == []
    assert found.answer.reason == "not unpacked"


def test_a_bomb_is_cut_by_its_ratio(tmp_path: Path) -> None:
    packed = zipped(("first", b"1"), ("bomb", b"\x00" * (64 * MIB)), ("last", b"1"))

    found = opened(tmp_path, "zip", packed)

    assert found.files == [("first", b"1")]
    assert (found.answer.limits, found.answer.reason) == (("unpack_ratio",), "not unpacked")


def test_a_small_sheet_full_of_one_word_is_no_bomb(tmp_path: Path) -> None:
    found = opened(tmp_path, "zip", zipped(("zeros.csv", b"0;" * 400_000)))

    assert found.answer.limits == ()
    assert len(found.files) == 1


def test_a_directory_that_lies_about_sizes_does_not_move_the_bound(tmp_path: Path) -> None:
    packed = changed(zipped(("bomb", b"\x00" * (64 * MIB))), 24, struct.pack("<I", 10))

    found = opened(tmp_path, "zip", packed)

    assert sum(len(content) for _, content in found.files) <= 10


@pytest.mark.parametrize(
    ("limits", "room", "limit"),
    [
        pytest.param(replace(QUICK, unpack_files=2), ROOM, "unpack_files", id="files"),
        pytest.param(QUICK, Room(2, 1000), "unpack_files", id="what the mail has left of files"),
        pytest.param(replace(QUICK, unpack_total_bytes=25), ROOM, "unpack_total", id="bytes"),
        pytest.param(QUICK, Room(9, 25), "unpack_total", id="what the mail has left of bytes"),
    ],
)
def test_what_was_found_before_a_limit_is_kept(
    tmp_path: Path, limits: object, room: Room, limit: str
) -> None:
    packed = zipped(*((f"{number}", b"x" * 10) for number in range(9)))

    found = opened(tmp_path, "zip", packed, limits=limits, room=room)  # type: ignore[arg-type]

    assert found.files == [("0", b"x" * 10), ("1", b"x" * 10)]
    assert (found.answer.limits, found.answer.reason) == ((limit,), "not unpacked")


def test_room_is_what_the_earlier_containers_left(tmp_path: Path) -> None:
    found = opened(tmp_path, "zip", zipped(("a", b"12345"), ("b", b"1")))

    assert Room(10, 100).after(found.answer) == Room(8, 94)
    assert Room(1, 3).after(found.answer) == Room(0, 0)


names = st.text(st.characters(codec="utf-8", exclude_characters="\x00/\\"), min_size=1, max_size=20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(names, st.binary(max_size=500), max_size=5),
    st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]),
)
def test_what_was_packed_is_what_comes_out(
    tmp_path_factory: pytest.TempPathFactory, packed: dict[str, bytes], method: int
) -> None:
    folder = tmp_path_factory.mktemp("shelf")
    (folder / "content").write_bytes(zipped(*packed.items(), method=method))
    shelf = Shelf(folder, Room(10, 10_000))

    open_zip(folder / "content", shelf, ratio=100)

    assert {each.filename: each.file.read_bytes() for each in shelf.contents().inner} == packed


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 400), st.binary(min_size=1, max_size=12))
def test_no_damage_whatever_is_more_than_an_answer(
    tmp_path_factory: pytest.TempPathFactory, at: int, junk: bytes
) -> None:
    folder = tmp_path_factory.mktemp("shelf")
    whole = zipped(("a", b"1" * 50), ("b/c", b"2"), ("d", bytes(range(256))))
    (folder / "content").write_bytes(whole[:at] + junk + whole[at + len(junk) :])
    shelf = Shelf(folder, Room(10, 10_000))

    try:
        open_zip(folder / "content", shelf, ratio=100)
    except Full as limit:
        shelf.full(limit.limit)

    assert len(shelf.contents().inner) <= 3
