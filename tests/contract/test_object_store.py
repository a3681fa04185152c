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
from postroom.storage.local import LocalStore
from postroom.storage.store import ObjectStore

MAIL = b"Subject: hi\r\n\r\nhello\r\n"
DIGEST = hashlib.sha256(MAIL).hexdigest()
KEY = f"018f0000-0000-7000-8000-000000000001/raw/{DIGEST[:2]}/{DIGEST}"


@pytest.fixture(params=["local"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    assert request.param == "local"
    return LocalStore(tmp_path / "archive")


def test_what_was_put_can_be_got(store: ObjectStore) -> None:
    store.put(KEY, MAIL)

    assert store.get(KEY, DIGEST) == MAIL


def test_a_file_is_put_with_its_bytes_unchanged(store: ObjectStore, tmp_path: Path) -> None:
    spooled = tmp_path / "spooled"
    spooled.write_bytes(MAIL)

    store.put_file(KEY, spooled, DIGEST)

    assert store.get(KEY, DIGEST) == MAIL
    assert spooled.read_bytes() == MAIL


def test_putting_twice_is_harmless(store: ObjectStore) -> None:
    store.put(KEY, MAIL)
    store.put(KEY, MAIL)

    assert store.get(KEY, DIGEST) == MAIL


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


def test_a_probe_leaves_nothing_behind(store: ObjectStore, tmp_path: Path) -> None:
    store.probe()

    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=4096))
def test_any_bytes_come_back_as_they_went(store: ObjectStore, content: bytes) -> None:
    digest = hashlib.sha256(content).hexdigest()

    store.put(f"any/{digest}", content)

    assert store.get(f"any/{digest}", digest) == content
