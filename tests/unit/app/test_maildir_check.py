"""What `check --connect` says of a Maildir: the path that bars the way, and whose it is."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from grp import getgrgid
from pathlib import Path
from pwd import getpwuid

import pytest

from postroom import maildir
from postroom.app.maildir_check import maildir_steps
from postroom.config.settings import Action, After, MaildirFolder, Recipients, Zone
from postroom.errors import MaildirUnusable
from postroom.fetcher.step import Step

OTHER_PLACES = (Path("/dev/shm"), Path("/var/tmp"))  # noqa: S108  (the name below them is chosen safely)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: nobody else can become another user")


@pytest.fixture
def folder() -> Iterator[Path]:
    """Yield a Maildir of root on a way that everybody may walk, which pytest's own folder is not."""
    with tempfile.TemporaryDirectory() as root:
        Path(root).chmod(0o755)
        maildir.create(Path(root) / "mail" / "orders")
        (Path(root) / "mail").chmod(0o755)
        yield Path(root) / "mail" / "orders"


def settings(path: Path) -> MaildirFolder:
    return MaildirFolder(
        name="intake",
        path=path,
        cur=False,
        watch="poll",
        poll_seconds=30.0,
        max_per_poll=200,
        after=After(Action.DELETE),
        recipients=Recipients("acme", trust=(), trusted_hops=0, trusted_zone=Zone.ALL, to_cc=False),
    )


def tried(path: Path) -> Step:
    """Return the first step, after which a fault ends the others."""
    return next(maildir_steps(settings(path)))


@contextmanager
def as_nobody() -> Iterator[None]:
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_a_sound_maildir_is_said_to_be_whose_it_is(folder: Path) -> None:
    maildir.deliver(folder, b"Subject: x\n\n")

    steps = list(maildir_steps(settings(folder)))

    me, group = getpwuid(os.geteuid()).pw_name, getgrgid(os.getegid()).gr_name
    assert [(step.name, step.words, step.error) for step in steps] == [
        ("folders", "new, cur and tmp can be read and written; 1 in new", None),
        ("owner", f"new is of {me}:{group} with mode 0700", None),
    ]


@needs_root
def test_a_maildir_of_another_user_is_told_as_theirs(folder: Path) -> None:
    with as_nobody():
        step = tried(folder)

    assert isinstance(step.error, MaildirUnusable)
    assert step.words == f"cannot use {folder}/new: Permission denied (as user nobody)"
    assert step.error.fix.startswith(f"{folder} is of root:root with mode 0700; give nobody read, write and ")
    assert step.error.fix.endswith("or let postroom and the mail server be one user")


@needs_root
def test_a_folder_above_that_bars_the_way_is_named(folder: Path) -> None:
    shutil.chown(folder, "nobody")
    folder.parent.chmod(0o700)

    with as_nobody():
        step = tried(folder)

    assert isinstance(step.error, MaildirUnusable)
    assert step.error.fix.startswith(f"{folder.parent} is of root:root with mode 0700; ")


@needs_root
def test_a_mail_that_the_server_wrote_as_another_user_is_told_as_theirs(folder: Path) -> None:
    name = maildir.deliver(folder, b"Subject: x\n\n")
    maildir.deliver(folder, b"Subject: y\n\n")
    for path in (folder, *(folder / shelf for shelf in ("tmp", "new", "cur"))):
        shutil.chown(path, "nobody")

    with as_nobody():
        step = tried(folder)

    assert isinstance(step.error, MaildirUnusable)
    first = min(path.name for path in (folder / "new").iterdir())
    assert step.words == (
        f"cannot read {folder}/new/{first}: Permission denied (as user nobody); and 1 more in new"
    )
    assert step.error.fix.startswith(f"{folder}/new/{first} is of root:root with mode 0600; let nobody read ")
    assert name


def test_what_is_no_maildir_is_told_with_the_way_out(folder: Path) -> None:
    (folder / "tmp").rmdir()

    step = tried(folder)

    assert isinstance(step.error, MaildirUnusable)
    assert step.words.startswith(f"cannot use {folder / 'tmp'}: No such file or directory")
    assert step.error.fix == "correct `path`, or create the Maildir: it has the folders new, cur and tmp"


def test_a_maildir_in_pieces_is_refused(folder: Path) -> None:
    others = [
        place for place in OTHER_PLACES if place.is_dir() and place.stat().st_dev != folder.stat().st_dev
    ]
    if not others:
        pytest.skip("needs /dev/shm or /var/tmp on another file system than the temporary folder")
    with tempfile.TemporaryDirectory(dir=others[0]) as elsewhere:
        (folder / "tmp").rmdir()
        (folder / "tmp").symlink_to(elsewhere)

        step = tried(folder)

    assert isinstance(step.error, MaildirUnusable)
    assert "not on one file system" in step.words
