"""What a Maildir promises: a mail is there whole or not at all, and is found wherever it moved."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom import maildir
from postroom.errors import MaildirUnusable


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "Maildir"
    maildir.create(made)
    return made


def failing(number: int) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


def test_a_delivered_mail_lies_in_new_with_all_its_bytes(folder: Path) -> None:
    name = maildir.deliver(folder, b"Delivered-To: orders@in.example\n", b"Subject: hello\n\nbody\n")

    assert [path.name for path in folder.rglob("*") if path.is_file()] == [name]
    assert (folder / "new" / name).read_bytes() == (
        b"Delivered-To: orders@in.example\nSubject: hello\n\nbody\n"
    )


def test_only_the_owner_can_read_a_mail(folder: Path) -> None:
    name = maildir.deliver(folder, b"Subject: hello\n\n")

    assert stat.S_IMODE((folder / "new" / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


@pytest.mark.parametrize("broken", ["fsync", "rename"])
def test_a_delivery_that_fails_leaves_nothing_behind(
    folder: Path, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    monkeypatch.setattr(os, broken, failing(errno.EIO))

    with pytest.raises(MaildirUnusable, match="Input/output error"):
        maildir.deliver(folder, b"Subject: hello\n\n")

    assert [path for path in folder.rglob("*") if path.is_file()] == []


def test_a_full_disk_is_told_with_the_way_out(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", failing(errno.ENOSPC))

    with pytest.raises(MaildirUnusable) as raised:
        maildir.deliver(folder, b"Subject: hello\n\n")

    assert "No space left on device" in str(raised.value)
    assert "free some space" in raised.value.fix


def test_a_missing_maildir_is_told_with_its_path_and_the_user(tmp_path: Path) -> None:
    with pytest.raises(MaildirUnusable) as raised:
        maildir.listing(tmp_path / "none", "new")

    assert f"cannot list {tmp_path}/none/new: No such file or directory (as user " in str(raised.value)
    assert "new, cur and tmp" in raised.value.fix


def test_a_missing_right_is_told_as_the_right_that_is_needed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "scandir", failing(errno.EACCES))

    with pytest.raises(MaildirUnusable) as raised:
        maildir.listing(folder, "new")

    assert "read, write and search rights (rwx)" in raised.value.fix


def test_creating_a_maildir_again_keeps_its_mails(folder: Path) -> None:
    name = maildir.deliver(folder, b"Subject: hello\n\n")

    maildir.create(folder)

    assert maildir.listing(folder, "new") == [name]


def test_no_two_names_are_the_same() -> None:
    names = [maildir.unique_name() for _ in range(1000)]

    assert len(set(names)) == 1000


def test_a_name_has_the_parts_that_the_convention_asks_for() -> None:
    name = maildir.unique_name()

    seconds, middle, host = name.split(".", 2)
    assert seconds.isdigit()
    assert middle.startswith("M")
    assert f"P{os.getpid()}Q" in middle
    assert host
    assert not {"/", ":"} & set(name)


def test_mails_are_listed_oldest_first_by_the_time_in_the_name(folder: Path) -> None:
    for name in ("1700000009.M1.host", "999999999.M5.host", "1700000010.M1.host", "imported"):
        (folder / "new" / name).touch()

    names = maildir.listing(folder, "new")

    assert names == ["imported", "999999999.M5.host", "1700000009.M1.host", "1700000010.M1.host"]


def test_what_is_no_mail_is_left_alone(folder: Path) -> None:
    (folder / "new" / "sub-folder").mkdir()
    (folder / "new" / ".nfs0001").touch()
    (folder / "new" / "link").symlink_to("/etc/passwd")
    os.mkfifo(folder / "new" / "pipe")
    name = maildir.deliver(folder, b"Subject: hello\n\n")

    names = maildir.listing(folder, "new")

    assert names == [name]


@pytest.mark.parametrize(
    ("file_name", "unique", "flags"),
    [
        pytest.param("1.M1.host", "1.M1.host", "", id="new"),
        pytest.param("1.M1.host:2,", "1.M1.host", "", id="no flags"),
        pytest.param("1.M1.host,S=12:2,FS", "1.M1.host,S=12", "FS", id="flags"),
        pytest.param("1.M1.host:1,x", "1.M1.host", "", id="experimental"),
        pytest.param("Re: one.eml", "Re: one.eml", "", id="a colon of a person"),
        pytest.param("Re: one.eml:2,S", "Re: one.eml", "S", id="a colon of a person, and flags"),
        pytest.param("at 12:2,5 bar.eml", "at 12:2,5 bar.eml", "", id="like flags, but not at the end"),
        pytest.param("a:2,S\n", "a:2,S\n", "", id="a line end after the flags"),
        pytest.param("a:2,F:2,S", "a:2,F", "S", id="flags twice"),
    ],
)
def test_a_file_name_tells_the_mail_and_its_flags(file_name: str, unique: str, flags: str) -> None:
    assert (maildir.unique(file_name), maildir.flags(file_name)) == (unique, flags)


@given(st.text(max_size=50), st.text(max_size=50))
def test_any_two_names_whatever_stay_two_in_cur(name: str, other: str) -> None:
    assert maildir.unique(name + ":2,S") == name
    assert (maildir.unique(name + ":2,") == maildir.unique(other + ":2,S")) == (name == other)


def test_a_mail_is_found_wherever_it_lies_now(folder: Path) -> None:
    waiting, seen, gone = (maildir.deliver(folder, b"Subject: hello\n\n") for _ in range(3))
    (folder / "new" / seen).rename(folder / "cur" / f"{seen}:2,FS")
    (folder / "new" / gone).unlink()

    found = maildir.locate(folder, {waiting, seen, gone})

    assert found == {waiting: [folder / "new" / waiting], seen: [folder / "cur" / f"{seen}:2,FS"]}


def test_two_files_with_one_name_are_both_found(folder: Path) -> None:
    name = maildir.deliver(folder, b"Subject: hello\n\n")
    (folder / "cur" / f"{name}:2,S").touch()

    found = maildir.locate(folder, {name})

    assert found == {name: [folder / "new" / name, folder / "cur" / f"{name}:2,S"]}


def test_a_sub_folder_is_made_as_maildir_plus_plus_has_it(folder: Path) -> None:
    made = maildir.create_subfolder(folder, "Processed.2026")

    assert made == folder / ".Processed.2026"
    assert sorted(path.name for path in made.iterdir()) == ["cur", "maildirfolder", "new", "tmp"]


@given(
    st.lists(st.integers(0, 99), min_size=1, max_size=30, unique=True),
    st.integers(min_value=1, max_value=7),
)
def test_a_folder_walked_through_in_steps_is_the_whole_listing(seconds: list[int], most: int) -> None:
    with tempfile.TemporaryDirectory() as root:
        maildir.create(Path(root))
        for second in seconds:
            (Path(root) / "new" / f"{second}.M1.host").touch()
        walked = maildir.oldest(Path(root), "new", most=most)
        while step := maildir.oldest(Path(root), "new", most=most, after=walked[-1]):
            walked += step

        assert walked == maildir.listing(Path(root), "new")
