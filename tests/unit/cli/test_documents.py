"""`postroom documents`: every document under stable keys, no other org's, and its bytes on request."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable

import pytest

from tests.unit.cli.room import PDF, Room

KEYS = "id org message filename content_type sniffed size sha256 part decode_status created_at"
PDF_SHA256 = "e5c62df5dab5c87b6a015ef3d43597074d1eec433b15f51aec63b8582d0e4ab4"


def test_each_line_of_json_has_the_stable_keys_in_their_order(room: Room) -> None:
    room.deliver(name="po 4711.pdf")
    room.fetch()
    (message,) = room.rows("messages")

    row = json.loads(room.call("documents", "--json").out)

    assert " ".join(row) == KEYS
    assert row | {"id": "", "created_at": ""} == {
        "id": "",
        "org": "acme",
        "message": message["id"],
        "filename": "po 4711.pdf",
        "content_type": "application/pdf",
        "sniffed": "application/pdf",
        "size": 9,
        "sha256": PDF_SHA256,
        "part": "2",
        "decode_status": "ok",
        "created_at": "",
    }
    assert row["created_at"].endswith("+00:00")


def test_the_listing_of_an_org_shows_no_other_org(room: Room) -> None:
    room.deliver("acme", name="acme.pdf")
    room.deliver("beta", name="beta.pdf")
    room.fetch()

    acme, everybody = room.rows("documents", "acme"), room.rows("documents")

    assert [row["filename"] for row in acme] == ["acme.pdf"]
    assert "beta" not in room.call("documents", "acme").out
    assert {row["filename"] for row in everybody} == {"acme.pdf", "beta.pdf"}


def test_the_newest_come_first_and_a_limit_cuts(room: Room) -> None:
    for number in (1, 2, 3):
        room.deliver(number=number, name=f"{number}.pdf")
        room.fetch()

    rows = room.rows("documents", "--limit", "2", "--since", "1d")
    table = room.call("documents", "--limit", "2")

    assert [row["filename"] for row in rows] == ["3.pdf", "2.pdf"]
    assert len(table.out.splitlines()) == 3
    assert table.err == "only the first 2 are shown: --limit N shows more\n"


def test_a_document_comes_out_as_it_was(room: Room) -> None:
    room.deliver()
    room.fetch()
    (row,) = room.rows("documents")

    answer = room.call("documents", "--get", row["id"][:18], "-o", "po.pdf")

    assert answer.code == 0
    assert answer.out == ""
    assert room.path("po.pdf").read_bytes() == PDF
    assert stat.S_IMODE(room.path("po.pdf").stat().st_mode) == 0o600
    assert room.call("documents", "--get", row["id"], "-o", "-").out.encode() == PDF


def test_a_document_of_another_org_is_not_found_in_this_one(room: Room) -> None:
    room.deliver("beta")
    room.fetch()
    (row,) = room.rows("documents")

    answer = room.call("documents", "acme", "--get", row["id"], "-o", "po.pdf")

    assert answer.code == 64
    assert not room.path("po.pdf").exists()


def test_bytes_that_the_disk_changed_are_not_handed_out(room: Room) -> None:
    room.deliver()
    room.fetch()
    (stored,) = room.archive.rglob("doc/*/*")
    stored.write_bytes(b"forged")
    (row,) = room.rows("documents")

    answer = room.call("documents", "--get", row["id"], "-o", "po.pdf")

    assert answer.code == 74
    assert "E-OBJECT-CORRUPT" in answer.err
    assert not room.path("po.pdf").exists()


def file(room: Room) -> None:
    room.path("po.pdf").write_bytes(b"mine")


def link(room: Room) -> None:
    room.path("secret").write_bytes(b"mine")
    room.path("po.pdf").symlink_to("secret")


def folder(room: Room) -> None:
    room.path("po.pdf").mkdir()


@pytest.mark.parametrize(
    ("there", "force", "words"),
    [
        pytest.param(file, [], "is there already", id="a file"),
        pytest.param(link, [], "is no plain file", id="a link"),
        pytest.param(link, ["--force"], "is no plain file", id="a link, with force"),
        pytest.param(folder, ["--force"], "is no plain file", id="a folder"),
    ],
)
def test_what_is_there_is_not_overwritten(
    room: Room, there: Callable[[Room], None], force: list[str], words: str
) -> None:
    room.deliver()
    room.fetch()
    (row,) = room.rows("documents")
    there(room)
    before = sorted(path.name for path in room.folder.iterdir())

    answer = room.call("documents", "--get", row["id"], "-o", "po.pdf", *force)

    assert answer.code == 64
    assert words in answer.err
    assert sorted(path.name for path in room.folder.iterdir()) == before
    assert room.path("po.pdf").is_dir() or room.path("po.pdf").read_bytes() == b"mine"


def test_force_overwrites_a_file(room: Room) -> None:
    room.deliver()
    room.fetch()
    (row,) = room.rows("documents")
    file(room)

    answer = room.call("documents", "--get", row["id"], "-o", "po.pdf", "--force")

    assert answer.code == 0
    assert room.path("po.pdf").read_bytes() == PDF


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        pytest.param(["nope"], 67, 'there is no org "nope"', id="org"),
        pytest.param(["--get", "0123", "-o", "x"], 64, "there is no document 0123", id="id too short"),
        pytest.param(["--get", "<1@a.example>"], 64, "there is no document", id="no id"),
    ],
)
def test_what_is_not_there_is_said(room: Room, arguments: list[str], code: int, words: str) -> None:
    answer = room.call("documents", *arguments)

    assert answer.code == code
    assert words in answer.err


@pytest.mark.parametrize(
    ("output", "code"),
    [
        pytest.param([], 64, id="nowhere"),
        pytest.param(["-o", "no/such/folder/po.pdf"], 74, id="a folder that is not there"),
        pytest.param(["-o", "po\0.pdf"], 74, id="a name that cannot be"),
    ],
)
def test_a_place_that_cannot_be_written_is_said(room: Room, output: list[str], code: int) -> None:
    room.deliver()
    room.fetch()
    (row,) = room.rows("documents")

    assert room.call("documents", "--get", row["id"], *output).code == code


def test_a_folder_that_is_not_there_is_no_place_to_write_to(room: Room) -> None:
    room.deliver()
    room.fetch()
    (document,) = room.rows("documents")

    answer = room.call("documents", "--get", document["id"], "-o", "missing/po.pdf")

    assert answer.code == 74
    assert "Fix: name a file in a folder that is there with -o\n" in answer.err
