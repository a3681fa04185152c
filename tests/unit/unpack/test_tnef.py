"""winmail.dat: everything in it comes out, exact to the byte."""

from __future__ import annotations

import io
import logging
import struct
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postroom.unpack.container import Room
from postroom.unpack.shelf import Shelf
from postroom.unpack.tnef import open_tnef
from postroom.unpack.tnef_stream import cut
from tests.containers import Packed, attribute, winmail
from tests.unit.unpack.opening import opened

PDF = b"%PDF-1.7\n\x00\xff\x00\x00"
SCAN = Packed(PDF, name="Scan für Änderung.pdf", title=b"SCANFR~1.PDF", mime="application/pdf")


def test_an_attachment_comes_out_with_its_long_name_and_its_type(tmp_path: Path) -> None:
    found = opened(tmp_path, "tnef", winmail(SCAN))

    (inner,) = found.answer.inner
    assert found.files == [("Scan für Änderung.pdf", PDF)]
    assert (inner.content_type, inner.disposition) == ("application/pdf", "attachment")
    assert (found.answer.reason, found.answer.defects, found.answer.limits) == ("", (), ())


def test_attachments_come_out_in_their_order(tmp_path: Path) -> None:
    packed = winmail(Packed(b"1", name="b"), Packed(b"2", name="a"), Packed(b"", name="empty"))

    assert opened(tmp_path, "tnef", packed).files == [("b", b"1"), ("a", b"2"), ("empty", b"")]


@pytest.mark.parametrize(
    ("code_page", "title", "name"),
    [
        pytest.param(1252, b"\xc4nderung.pdf", "Änderung.pdf", id="western"),
        pytest.param(1251, b"\xd1\xf7\xe5\xf2.pdf", "Счет.pdf", id="cyrillic"),
        pytest.param(932, b"\x90\xbf\x8b\x81.pdf", "請求.pdf", id="japanese"),
        pytest.param(65001, "Zażółć.pdf".encode(), "Zażółć.pdf", id="utf-8"),
        pytest.param(99999, b"a.pdf", "a.pdf", id="a code page that nobody has"),
    ],
)
def test_an_old_name_is_read_in_the_code_page_of_the_stream(
    tmp_path: Path, code_page: int, title: bytes, name: str
) -> None:
    by_title = winmail(Packed(b"x", title=title), Packed(b"y", old_name=title), code_page=code_page)

    assert opened(tmp_path, "tnef", by_title).files == [(name, b"x"), (name, b"y")]


def test_an_image_that_the_body_shows_says_so(tmp_path: Path) -> None:
    shown = winmail(Packed(b"GIF89a", name="logo.gif", content_id="<logo@a>", flags=4))

    (inner,) = opened(tmp_path, "tnef", shown).answer.inner

    assert (inner.disposition, inner.content_id) == ("inline", "logo@a")


def test_an_attached_message_is_a_stream_of_its_own(tmp_path: Path) -> None:
    within = winmail(SCAN)

    found = opened(tmp_path, "tnef", winmail(Packed(name="FW: scan", message=within)))

    ((name, content),) = found.files
    assert (name, content) == ("FW: scan", within)
    assert found.answer.inner[0].content_type == "application/ms-tnef"


def test_damage_to_one_attachment_is_none_to_the_others(tmp_path: Path) -> None:
    damaged = winmail(SCAN).replace(b"\x1f\x00\x07\x37", b"\x77\x00\x07\x37")
    behind = winmail(Packed(b"good", name="good.txt"))[6:]

    found = opened(tmp_path, "tnef", damaged + behind)

    assert found.files == [("SCANFR~1.PDF", PDF), ("good.txt", b"good")]


def test_a_wrong_checksum_is_noted_and_lived_with(tmp_path: Path) -> None:
    packed = bytearray(winmail(Packed(PDF, title=b"a.pdf")))
    packed[packed.index(PDF)] ^= 1

    found = opened(tmp_path, "tnef", bytes(packed))

    assert [name for name, _ in found.files] == ["a.pdf"]
    assert found.answer.defects == ("wrong checksum in winmail.dat",)
    assert found.answer.reason == ""


def test_what_is_cut_off_stays_a_document_itself(tmp_path: Path) -> None:
    packed = winmail(Packed(b"whole", name="whole.txt"), Packed(b"x" * 1000, name="cut.txt"))

    found = opened(tmp_path, "tnef", packed[:-500])

    assert found.files[0] == ("whole.txt", b"whole")
    assert (found.answer.reason, found.answer.defects[-1]) == ("not unpacked", "damaged winmail.dat")


def test_an_ole_object_is_left_in_it_rather_than_changed(tmp_path: Path) -> None:
    value = bytes(16) + b"\xd0\xcf\x11\xe0" + bytes(4)
    prop = struct.pack("<IHHII", 1, 0x0D, 0x3701, 1, len(value)) + value
    packed = winmail() + attribute(2, 0x00069002, bytes(14)) + attribute(2, 0x00069005, prop)

    found = opened(tmp_path, "tnef", packed)

    assert found.files == []
    assert (found.answer.reason, found.answer.defects) == (
        "not unpacked",
        ("embedded object in winmail.dat",),
    )


def test_the_log_of_everything_else_goes_on(tmp_path: Path, log: io.StringIO) -> None:
    (tmp_path / "content").write_bytes(winmail(SCAN))

    open_tnef(tmp_path / "content", Shelf(tmp_path, Room(10, 10_000)))
    logging.getLogger("postroom").warning("still here")

    assert "still here" in log.getvalue()


def test_properties_that_promise_billions_cost_nothing(tmp_path: Path) -> None:
    promise = attribute(2, 0x00069005, b"\xff\xff\xff\xff")
    packed = winmail(Packed(PDF, title=b"a.pdf")) + promise * 50

    assert opened(tmp_path, "tnef", packed).files == [("a.pdf", PDF)]


attachments = st.builds(
    Packed,
    data=st.binary(max_size=300),
    name=st.text(st.characters(codec="utf-16-le", exclude_characters="\x00"), min_size=1, max_size=40),
    mime=st.sampled_from(["", "application/pdf", "image/png"]),
    content_id=st.sampled_from(["", "a@b"]),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(attachments, max_size=4))
def test_what_was_packed_is_what_comes_out(
    tmp_path_factory: pytest.TempPathFactory, packed: list[Packed]
) -> None:
    folder = tmp_path_factory.mktemp("shelf")
    (folder / "content").write_bytes(winmail(*packed))
    shelf = Shelf(folder, Room(10, 10_000))

    open_tnef(folder / "content", shelf)

    found = shelf.contents()
    assert [(each.filename, each.file.read_bytes()) for each in found.inner] == [
        (each.name, each.data) for each in packed
    ]
    assert found.reason == ""


@given(st.binary(max_size=200), st.integers(0, 600), st.integers(0, 255))
def test_no_stream_whatever_makes_the_cutter_raise(tail: bytes, at: int, byte: int) -> None:
    stream = bytearray(winmail(SCAN, Packed(b"x", title=b"t")) + tail)
    stream[6 + at % (len(stream) - 6)] = byte

    assert cut(bytes(stream)).end <= len(stream)
