"""What every ObjectStore promises; runs once per implementation."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postroom.errors import ObjectCorrupt, ObjectMissing, SourceChanged
from postroom.storage.store import ObjectStore
from tests.servers.archives import FolderStock, Stock, stock_in
from tests.servers.rgw import Rgw

MAIL = b"Subject: hi\r\n\r\nhello\r\n"
DIGEST = hashlib.sha256(MAIL).hexdigest()
KEY = f"018f0000-0000-7000-8000-000000000001/raw/{DIGEST[:2]}/{DIGEST}"


@pytest.fixture(params=["local", "moto", pytest.param("rgw", marks=pytest.mark.rgw)])
def stock(request: pytest.FixtureRequest, tmp_path: Path) -> Stock:
    if request.param == "local":
        return FolderStock(tmp_path / "archive")
    server = request.getfixturevalue(request.param)
    return stock_in(server.service if isinstance(server, Rgw) else server, tmp_path / "drafts")


@pytest.fixture
def store(stock: Stock) -> ObjectStore:
    return stock.store


def test_what_was_put_can_be_got(store: ObjectStore) -> None:
    store.put(KEY, MAIL)

    assert store.get(KEY, DIGEST) == MAIL


def test_a_file_is_put_with_its_bytes_unchanged(store: ObjectStore, tmp_path: Path) -> None:
    spooled = tmp_path / "spooled"
    spooled.write_bytes(MAIL)

    store.put_file(KEY, spooled, DIGEST)

    assert store.get(KEY, DIGEST) == MAIL
    assert spooled.read_bytes() == MAIL


def test_putting_twice_is_harmless(store: ObjectStore, tmp_path: Path) -> None:
    spooled = tmp_path / "spooled"
    spooled.write_bytes(MAIL)

    store.put(KEY, MAIL)
    store.put(KEY, MAIL)
    store.put_file(KEY, spooled, DIGEST)
    store.put_file(KEY, spooled, DIGEST)
    store.adopt([(KEY, spooled)])
    store.adopt([(KEY, spooled)])

    assert store.get(KEY, DIGEST) == MAIL


def test_a_file_is_adopted_with_its_bytes_unchanged_or_left_to_be_put(
    store: ObjectStore, tmp_path: Path
) -> None:
    spooled = tmp_path / "spooled"
    spooled.write_bytes(MAIL)

    for key in {KEY} - store.adopt([(KEY, spooled), ("never", tmp_path / "never-there")]):
        store.put_file(key, spooled, DIGEST)

    assert store.get(KEY, DIGEST) == MAIL
    assert spooled.read_bytes() == MAIL


def test_a_missing_object_is_named(store: ObjectStore) -> None:
    store.put(KEY, MAIL)

    with pytest.raises(ObjectMissing, match="nothing"):
        store.get("018f0000-0000-7000-8000-000000000001/raw/no/nothing", DIGEST)


def test_other_bytes_than_recorded_are_never_handed_out(store: ObjectStore) -> None:
    store.put(KEY, MAIL + b"tampered")

    with pytest.raises(ObjectCorrupt, match=DIGEST):
        store.get(KEY, DIGEST)


def test_a_file_that_changed_is_not_stored(store: ObjectStore, tmp_path: Path) -> None:
    spooled = tmp_path / "spooled"
    spooled.write_bytes(MAIL + b"more")
    store.put("other", b"so that the archive is there")

    with pytest.raises(SourceChanged, match="changed"):
        store.put_file(KEY, spooled, DIGEST)

    with pytest.raises(ObjectMissing):
        store.get(KEY, DIGEST)


@pytest.mark.parametrize("what", ["folder", "link", "pipe"])
def test_what_is_no_plain_file_says_nothing_of_the_archive(
    store: ObjectStore, tmp_path: Path, what: str
) -> None:
    path = tmp_path / "put in its place"
    (tmp_path / "secret").write_bytes(b"abc")
    acts: dict[str, Callable[[], object]] = {
        "folder": path.mkdir,
        "link": lambda: path.symlink_to(tmp_path / "secret"),
        "pipe": lambda: os.mkfifo(path),
    }
    acts[what]()

    with pytest.raises(SourceChanged, match="cannot read"):
        store.put_file("ab/raw/x", path, hashlib.sha256(b"abc").hexdigest())


def test_a_file_that_vanished_is_said_to_be_gone(store: ObjectStore, tmp_path: Path) -> None:
    with pytest.raises(SourceChanged, match="is gone"):
        store.put_file(KEY, tmp_path / "never-there", DIGEST)


def test_an_object_can_be_looked_into_without_being_read(store: ObjectStore) -> None:
    store.put(KEY, MAIL)

    with store.opened(KEY, DIGEST) as view:
        assert (view[:7], view.find(b"\r\n\r\n"), len(view)) == (b"Subject", 11, len(MAIL))


def test_an_empty_object_can_be_opened_too(store: ObjectStore) -> None:
    nothing = hashlib.sha256(b"").hexdigest()
    store.put("empty", b"")

    with store.opened("empty", nothing) as view:
        assert len(view) == 0


def test_other_bytes_than_recorded_are_never_opened(store: ObjectStore) -> None:
    store.put(KEY, MAIL + b"tampered")

    with pytest.raises(ObjectCorrupt, match=DIGEST), store.opened(KEY, DIGEST):
        pass


def test_an_object_that_is_missing_cannot_be_opened(store: ObjectStore) -> None:
    store.put(KEY, MAIL)

    with pytest.raises(ObjectMissing, match="nothing"), store.opened("raw/no/nothing", DIGEST):
        pass


def test_the_trouble_of_one_who_looks_into_an_object_stays_that_trouble(store: ObjectStore) -> None:
    store.put(KEY, MAIL)

    def look_and_fail() -> None:
        with store.opened(KEY, DIGEST) as view:
            slices = memoryview(view)[:4]
            raise BrokenPipeError(bytes(slices))

    with pytest.raises(BrokenPipeError, match="Subj"):
        look_and_fail()


def test_what_a_draft_is_given_is_kept_under_the_key_that_it_gets(store: ObjectStore) -> None:
    with store.draft() as draft:
        draft.write(MAIL[:5])
        draft.write(memoryview(MAIL)[5:])
        draft.keep(KEY)

    assert store.get(KEY, DIGEST) == MAIL


def test_a_draft_that_is_kept_is_there_before_its_context_ends(store: ObjectStore) -> None:
    with store.draft() as draft:
        draft.write(MAIL)
        draft.keep(KEY)

        assert store.get(KEY, DIGEST) == MAIL


def test_what_is_in_a_draft_can_be_looked_at_before_and_after_it_is_kept(store: ObjectStore) -> None:
    with store.draft() as draft:
        with draft.view() as nothing:
            assert len(nothing) == 0

        draft.write(MAIL)
        with draft.view() as before:
            assert before[:] == MAIL

        draft.keep(KEY)
        with draft.view() as after:
            assert after[:] == MAIL


def test_a_draft_of_what_is_there_already_is_harmless(store: ObjectStore) -> None:
    store.put(KEY, MAIL)

    with store.draft() as draft:
        draft.write(MAIL)
        draft.keep(KEY)

    assert store.get(KEY, DIGEST) == MAIL


def test_a_draft_that_is_not_kept_leaves_nothing_behind(stock: Stock) -> None:
    def write_and_fail() -> None:
        with stock.store.draft() as draft:
            draft.write(MAIL)
            raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        write_and_fail()

    assert stock.objects() == []


def test_tidying_leaves_alone_what_is_being_written(store: ObjectStore) -> None:
    with store.draft() as draft:
        draft.write(MAIL)
        store.tidy()
        draft.keep(KEY)

    assert store.get(KEY, DIGEST) == MAIL


def test_there_is_nothing_to_tidy_before_the_first_object(store: ObjectStore, tmp_path: Path) -> None:
    store.tidy()

    assert list(tmp_path.rglob("*")) == []


def test_what_was_opened_leaves_nothing_but_the_object_behind(stock: Stock) -> None:
    stock.store.put(KEY, MAIL)

    with stock.store.opened(KEY, DIGEST):
        pass

    assert stock.objects() == [KEY]


def test_an_object_that_is_lost_is_missing_and_can_be_put_again(stock: Stock) -> None:
    stock.store.put(KEY, MAIL)
    stock.lose(KEY)

    with pytest.raises(ObjectMissing):
        stock.store.get(KEY, DIGEST)
    stock.store.put(KEY, MAIL)

    assert stock.store.get(KEY, DIGEST) == MAIL


def test_a_probe_leaves_nothing_behind(stock: Stock) -> None:
    stock.store.probe()

    assert stock.objects() == []


def test_a_big_object_comes_back_as_it_went(store: ObjectStore, tmp_path: Path) -> None:
    big = bytes(range(256)) * 4096 * 11 + b"end"  # 11 MiB and a bit: three parts on S3
    digest, path = hashlib.sha256(big).hexdigest(), tmp_path / "big"
    path.write_bytes(big)

    store.put("big/1", big)
    store.put_file("big/2", path, digest)
    with store.draft() as draft:
        draft.write(big)
        draft.keep("big/3")

    for key in ("big/1", "big/2", "big/3"):
        with store.opened(key, digest) as view:
            assert view[:] == big


def test_a_big_file_that_changed_is_not_stored(stock: Stock, tmp_path: Path) -> None:
    path = tmp_path / "big"
    path.write_bytes(bytes(6 * 2**20))

    with pytest.raises(SourceChanged, match="changed"):
        stock.store.put_file(KEY, path, DIGEST)

    assert stock.objects() == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(content=st.binary(max_size=4096))
def test_any_bytes_come_back_as_they_went(store: ObjectStore, content: bytes) -> None:
    digest = hashlib.sha256(content).hexdigest()

    store.put(f"any/{digest}", content)

    assert store.get(f"any/{digest}", digest) == content


ORG = "018f0000-0000-7000-8000-000000000001"


def test_objects_are_listed_in_the_order_of_their_keys_with_their_sizes(store: ObjectStore) -> None:
    for name in ("raw/ab/ab2", "raw/ab/ab1", "doc/ff/ff1", "raw/0c/0c1"):
        store.put(f"{ORG}/{name}", name.encode())

    assert list(store.listed(f"{ORG}/raw")) == [
        (f"{ORG}/raw/0c/0c1", 10),
        (f"{ORG}/raw/ab/ab1", 10),
        (f"{ORG}/raw/ab/ab2", 10),
    ]


def test_a_name_that_is_none_of_ours_does_not_disturb_the_order(store: ObjectStore) -> None:
    for name in ("raw/ab!x", "raw/ab/1", "raw/ab-x", "raw/ab0"):
        store.put(f"{ORG}/{name}", b"")

    keys = [stored.key for stored in store.listed(f"{ORG}/raw")]

    assert keys == sorted(keys)
    assert len(keys) == 4


def test_the_folders_are_the_first_steps_of_all_keys(store: ObjectStore) -> None:
    store.put(f"{ORG}/raw/ab/1", b"")
    store.put(f"{ORG}/doc/ab/1", b"")
    store.put("_quarantine/raw/ab/1", b"")

    assert [folder for folder in store.folders() if folder != "_drafts"] == [ORG, "_quarantine"]


def test_an_archive_that_nothing_was_put_into_has_no_folders(store: ObjectStore) -> None:
    assert store.folders() == []


def test_a_folder_that_is_not_there_is_empty(store: ObjectStore) -> None:
    store.put(KEY, MAIL)

    assert list(store.listed("_quarantine/raw")) == []
