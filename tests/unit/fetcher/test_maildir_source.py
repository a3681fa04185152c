"""A Maildir as a source: what is pending, what is left alone, where a mail goes when it is settled."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from postroom import maildir
from postroom.config.settings import Action, After, MaildirFolder, Recipients, Zone
from postroom.core.places import Place
from postroom.errors import MaildirUnusable, SettleFailed
from postroom.fetcher.maildir_source import MaildirSource
from tests.servers.memory import MemoryInRam, known_file

RECIPIENTS = Recipients(org="acme", trust=(), trusted_hops=0, trusted_zone=Zone.ALL, to_cc=False)


@pytest.fixture
def settings(tmp_path: Path) -> MaildirFolder:
    maildir.create(tmp_path / "Maildir")
    return MaildirFolder(
        name="intake",
        path=tmp_path / "Maildir",
        cur=False,
        watch="poll",
        poll_seconds=30.0,
        max_per_poll=200,
        after=After(Action.DELETE),
        recipients=RECIPIENTS,
    )


def spool(settings: MaildirFolder) -> Path:
    return settings.path.with_name("spool")


def names(settings: MaildirFolder, memory: MemoryInRam | None = None) -> list[str]:
    source = MaildirSource(settings, spool(settings))
    batches = source.batches(memory or MemoryInRam(), limit=200)
    return [copy.place.file_name for batch in batches for copy in batch.fetched]


def places(*file_names: str) -> list[Place]:
    return [Place("intake", "", file_name=name) for name in file_names]


def opened(settings: MaildirFolder) -> MaildirSource:
    """Return a source that has read all that is pending."""
    source = MaildirSource(settings, spool(settings))
    list(source.batches(MemoryInRam(), limit=200))
    return source


def settled(settings: MaildirFolder, *file_names: str) -> MemoryInRam:
    """Return a memory in which what lies under these names now was settled."""
    memory = MemoryInRam()
    for batch in MaildirSource(replace(settings, cur=True), spool(settings)).batches(memory, limit=200):
        files = map(known_file, batch.fetched)
        memory.settled += [file for file in files if file.file_name in file_names]
    return memory


def files(settings: MaildirFolder) -> list[str]:
    found = (path.relative_to(settings.path) for path in settings.path.rglob("*") if path.is_file())
    return sorted(str(path) for path in found if path.name != "maildirfolder")


def test_the_time_of_the_file_is_the_internal_date(settings: MaildirFolder) -> None:
    name = maildir.deliver(settings.path, b"Subject: hello\n\n")
    os.utime(settings.path / "new" / name, (0, 1_700_000_000))

    (batch,) = MaildirSource(settings, spool(settings)).batches(MemoryInRam(), limit=1)

    assert batch.fetched[0].internal_date == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert batch.fetched[0].path.parent == spool(settings)


def test_mails_in_cur_belong_to_somebody_else(settings: MaildirFolder) -> None:
    (settings.path / "cur" / "1.M1.host:2,S").write_bytes(b"Subject: read\n\n")
    (settings.path / "new" / "2.M1.host").write_bytes(b"Subject: new\n\n")

    assert names(settings) == ["2.M1.host"]


def test_mails_in_cur_are_taken_where_asked_but_not_those_settled_there(settings: MaildirFolder) -> None:
    for name in ("1.M1.host:2,S", "2.M1.host:2,"):
        (settings.path / "cur" / name).write_bytes(b"Subject: read\n\n")
    memory = settled(settings, "1.M1.host")

    assert names(replace(settings, cur=True), memory) == ["2.M1.host"]


def test_a_mail_settled_once_and_put_back_into_new_is_pending_again(settings: MaildirFolder) -> None:
    (settings.path / "new" / "1.M1.host").write_bytes(b"Subject: restored\n\n")
    memory = settled(settings, "1.M1.host")

    assert names(settings, memory) == ["1.M1.host"]


def test_a_mail_over_the_size_limit_is_read_whole(settings: MaildirFolder) -> None:
    maildir.deliver(settings.path, b"Subject: big\n\n", b"x" * 5000)
    source = MaildirSource(settings, spool(settings))

    (batch,) = source.batches(MemoryInRam(), limit=1)

    assert (batch.fetched[0].whole, batch.fetched[0].size_bytes) == (True, 5014)


def test_a_file_that_vanishes_during_a_poll_is_left_out(settings: MaildirFolder) -> None:
    delivered = [maildir.deliver(settings.path, b"Subject: hello\n\n") for _ in range(60)]
    batches = MaildirSource(settings, spool(settings)).batches(MemoryInRam(), limit=200)
    next(batches)
    (settings.path / "new" / delivered[55]).unlink()

    (rest,) = batches

    assert [copy.place.file_name for copy in rest.fetched] == delivered[50:55] + delivered[56:]


def test_an_unreadable_mail_holds_up_no_other_and_is_named(
    settings: MaildirFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused, readable = (maildir.deliver(settings.path, b"Subject: hello\n\n") for _ in range(2))
    opened = os.open

    def refuse(path: Path, flags: int, mode: int = 0o777) -> int:
        if Path(path).name == refused:
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, flags, mode)

    monkeypatch.setattr(os, "open", refuse)
    batches = MaildirSource(settings, spool(settings)).batches(MemoryInRam(), limit=200)

    taken = next(batches).fetched
    with pytest.raises(MaildirUnusable) as raised:
        next(batches)

    assert [copy.place.file_name for copy in taken] == [readable]
    assert f"cannot read {settings.path}/new/{refused}: Permission denied (as user " in str(raised.value)
    assert raised.value.fix.endswith(f" read {settings.path}/new/{refused}")


def test_a_name_that_is_no_text_is_told_and_left_alone(settings: MaildirFolder) -> None:
    name = os.fsdecode(b"1.M1.h\xffst")
    (settings.path / "new" / name).write_bytes(b"Subject: hello\n\n")

    with pytest.raises(MaildirUnusable, match=r"1\.M1\.h\\xffst has a name that is not UTF-8"):
        names(settings)

    assert (settings.path / "new" / name).exists()


@pytest.mark.parametrize(
    ("after", "where"),
    [
        pytest.param(After(Action.DELETE), [], id="delete"),
        pytest.param(After(Action.CUR), ["cur/1.M1.host:2,S", "cur/2.M1.host:2,FS"], id="cur"),
        pytest.param(
            After(Action.MOVE, folder="Done/2026"),
            [".Done.2026/cur/1.M1.host:2,", ".Done.2026/cur/2.M1.host:2,F"],
            id="move",
        ),
        pytest.param(
            After(Action.MOVE, folder="Erledigt & Größe"),
            [".Erledigt &- Gr&APYA3w-e/cur/1.M1.host:2,", ".Erledigt &- Gr&APYA3w-e/cur/2.M1.host:2,F"],
            id="move, the folder as Dovecot writes it",
        ),
        pytest.param(
            After(Action.MOVE, folder="../../etc"),
            [".etc/cur/1.M1.host:2,", ".etc/cur/2.M1.host:2,F"],
            id="move, never out of the Maildir",
        ),
    ],
)
def test_a_mail_is_settled_wherever_it_lies_now_and_keeps_its_flags(
    settings: MaildirFolder, after: After, where: list[str]
) -> None:
    (settings.path / "new" / "1.M1.host").write_bytes(b"Subject: new\n\n")
    (settings.path / "new" / "2.M1.host").write_bytes(b"Subject: opened by somebody\n\n")
    source = opened(replace(settings, after=after))
    (settings.path / "new" / "2.M1.host").rename(settings.path / "cur" / "2.M1.host:2,F")

    done = [source.settle(places("1.M1.host", "2.M1.host")) for _ in range(2)]

    assert [[place.file_name for place in each] for each in done] == [["1.M1.host", "2.M1.host"]] * 2
    assert files(settings) == where


def test_settling_that_is_refused_says_where_and_why(
    settings: MaildirFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = maildir.deliver(settings.path, b"Subject: hello\n\n")
    source = opened(settings)

    def refuse(path: Path, **_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "unlink", refuse)

    with pytest.raises(SettleFailed) as raised:
        source.settle(places(name))

    assert f"cannot delete in {settings.path}/new/{name}: Permission denied (as user " in str(raised.value)
    assert "rwx" in raised.value.fix


def test_one_that_cannot_be_let_go_holds_up_no_other(
    settings: MaildirFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused, other = (maildir.deliver(settings.path, b"Subject: hello\n\n") for _ in range(2))
    source = opened(settings)
    unlink = os.unlink

    def refuse(path: Path, **options: int) -> None:
        if Path(path).name == refused:
            raise PermissionError(1, "Operation not permitted", str(path))
        unlink(path, **options)

    monkeypatch.setattr(os, "unlink", refuse)

    with pytest.raises(SettleFailed, match="Operation not permitted"):
        source.settle(places(refused, other))

    assert files(settings) == [f"new/{refused}"]


def test_what_another_process_read_is_not_let_go_by_its_name(settings: MaildirFolder) -> None:
    name = maildir.deliver(settings.path, b"Subject: hello\n\n")

    done = MaildirSource(settings, spool(settings)).settle(places(name, "1.gone"))

    assert (list(done), files(settings)) == (places("1.gone"), [f"new/{name}"])


def test_a_mail_over_the_batch_that_was_read_ahead_is_not_let_go(settings: MaildirFolder) -> None:
    delivered = [maildir.deliver(settings.path, b"Subject: hello\n\n") for _ in range(60)]
    source = MaildirSource(settings, spool(settings))
    next(source.batches(MemoryInRam(), limit=200))

    done = source.settle(places(*delivered))

    assert list(done) == places(*delivered[:50])
    assert files(settings) == [f"new/{name}" for name in delivered[50:]]


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
def test_where_no_link_can_be_made_a_mail_is_moved_by_a_rename(
    settings: MaildirFolder, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    for shelf, name in (("new", "1.M1.host"), ("new", "2.M1.host"), ("cur", "2.M1.host:2,S")):
        (settings.path / shelf / name).write_bytes(f"Subject: {shelf} {name}\n\n".encode())

    def refuse(*_: object, **__: object) -> None:
        raise OSError(number, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    source = opened(replace(settings, after=After(Action.CUR)))

    done = source.settle(places("1.M1.host", "2.M1.host"))

    contents = sorted((settings.path / name).read_bytes() for name in files(settings))
    assert (len(done), maildir.listing(settings.path, "new")) == (2, [])
    assert contents == [
        b"Subject: cur 2.M1.host:2,S\n\n",
        b"Subject: new 1.M1.host\n\n",
        b"Subject: new 2.M1.host\n\n",
    ]


def test_a_move_that_a_crash_left_half_done_is_finished(settings: MaildirFolder) -> None:
    (settings.path / "new" / "1.M1.host").write_bytes(b"Subject: hello\n\n")
    os.link(settings.path / "new" / "1.M1.host", settings.path / "cur" / "1.M1.host:2,S")
    source = opened(replace(settings, after=After(Action.CUR)))

    done = source.settle(places("1.M1.host"))

    assert (len(done), files(settings)) == (1, ["cur/1.M1.host:2,S"])


def test_a_backlog_of_many_looks_is_taken_whole_and_in_order(settings: MaildirFolder) -> None:
    expected = [f"{1_700_000_000 + number}.M1.host" for number in range(4_100)]
    for name in expected:
        (settings.path / "new" / name).touch()
    passed_over = MemoryInRam()
    source = MaildirSource(settings, spool(settings))

    found = [
        copy.place.file_name for batch in source.batches(passed_over, limit=10_000) for copy in batch.fetched
    ]

    assert found == expected


def test_a_sub_folder_is_left_alone_and_can_be_a_source_of_its_own(settings: MaildirFolder) -> None:
    below = maildir.create_subfolder(settings.path, "Orders")
    maildir.deliver(below, b"Subject: below\n\n")
    maildir.deliver(settings.path, b"Subject: above\n\n")

    above = names(settings)
    of_its_own = names(replace(settings, path=below))

    assert (len(above), len(of_its_own)) == (1, 1)
    assert above != of_its_own
