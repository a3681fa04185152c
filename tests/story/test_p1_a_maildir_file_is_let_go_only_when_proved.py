"""P1 in a Maildir: a name proves nothing; only the file that was taken is let go, and none starves."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from postroom import maildir
from postroom.config.settings import Action
from postroom.fetcher.maildir_source import MaildirSource
from postroom.jobs.polling import poll
from postroom.pipeline.tally import Tally
from tests.house import Postroom
from tests.mailbox import mail


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    maildir.create(tmp_path / "Maildir")
    return tmp_path / "Maildir"


def put(folder: Path, name: str, message_id: str, shelf: str = "new") -> Path:
    path = folder / shelf / name
    path.write_bytes(mail(message_id))
    return path


def one_round(
    postroom: Postroom, folder: Path, *, limit: int = 100, cur: bool = False, **more: Action
) -> Tally:
    """Poll with a source of its own, as each round of the service does."""
    source = postroom.maildir(folder, **more)
    source = MaildirSource(replace(source._settings, cur=cur), postroom.folder / "spool")  # noqa: SLF001  (one field differs)
    return poll(postroom.kit(source), postroom.house, limit=limit)


def taken(postroom: Postroom) -> list[str]:
    return sorted(message.source_message_id for message in postroom.messages())


def refuse_settling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no name in a Maildir be taken away, given or changed; elsewhere all is as ever."""
    for act in ("unlink", "rename", "link"):
        monkeypatch.setattr(os, act, partial(_unless_in_maildir, getattr(os, act)))


def _unless_in_maildir(act: Callable[..., None], path: Path, *more: object, **options: object) -> None:
    if "Maildir" in Path(path).parts:
        raise PermissionError(13, "Permission denied", str(path))
    act(path, *more, **options)


def test_a_deletion_that_a_power_cut_undid_is_done_again(postroom: Postroom, folder: Path) -> None:
    path = put(folder, "1.M1.host", "<1@x>")
    first = one_round(postroom, folder)
    path.write_bytes(mail("<1@x>"))

    second = one_round(postroom, folder)

    assert (first.taken, second.taken, second.duplicates) == (1, 0, 1)
    assert (taken(postroom), path.exists()) == (["<1@x>"], False)


def test_names_that_agree_up_to_a_colon_are_two_mails(postroom: Postroom, folder: Path) -> None:
    put(folder, "Re: one.eml", "<1@x>")
    put(folder, "Re: two.eml", "<2@x>")

    first = one_round(postroom, folder, limit=1)
    left = maildir.listing(folder, "new")
    one_round(postroom, folder, limit=1)

    assert (first.taken, left) == (1, ["Re: two.eml"])
    assert taken(postroom) == ["<1@x>", "<2@x>"]


def test_other_bytes_under_the_name_of_a_mail_that_is_owed_are_taken_before_they_go(
    postroom: Postroom, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(folder, "order.eml", "<1@x>")
    with monkeypatch.context() as readable_only:
        refuse_settling(readable_only)
        assert one_round(postroom, folder).refused
    path.unlink()
    put(folder, "order.eml", "<2@x>")

    tally = one_round(postroom, folder)

    assert (tally.taken, taken(postroom)) == (1, ["<1@x>", "<2@x>"])
    assert (maildir.listing(folder, "new"), postroom.inbox.unsettled("intake")) == ([], [])


def test_a_file_put_in_the_place_of_a_taken_one_before_it_is_settled_stays(
    postroom: Postroom, folder: Path
) -> None:
    path = put(folder, "order.eml", "<1@x>")
    source = postroom.maildir(folder)
    (batch,) = source.batches(postroom.memory("intake"), limit=9)
    fresh = put(folder, "order.tmp", "<2@x>")
    places = [copy.place for copy in batch.fetched]

    fresh.rename(path)
    done = source.settle(places)

    assert (list(done), path.read_bytes()) == ([], mail("<2@x>"))


def test_a_mail_owed_by_a_process_that_died_is_proved_and_let_go(
    postroom: Postroom, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(folder, "order.eml", "<1@x>")
    with monkeypatch.context() as readable_only:
        refuse_settling(readable_only)
        one_round(postroom, folder)

    tally = one_round(postroom, folder)

    assert (tally.taken, tally.duplicates, postroom.verdicts()) == (0, 0, ["accepted"])
    assert (maildir.listing(folder, "new"), postroom.inbox.unsettled("intake")) == ([], [])


def test_an_owed_mail_that_a_reader_moved_to_cur_is_let_go_there(
    postroom: Postroom, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(folder, "order.eml", "<1@x>")
    with monkeypatch.context() as readable_only:
        refuse_settling(readable_only)
        one_round(postroom, folder)
    path.rename(folder / "cur" / "order.eml:2,S")

    one_round(postroom, folder)

    assert (maildir.listing(folder, "cur"), postroom.inbox.unsettled("intake")) == ([], [])


def test_a_maildir_that_may_only_be_read_starves_no_mail(
    postroom: Postroom, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(8):
        put(folder, f"{number}.M1.host", f"<{number}@x>")
    refuse_settling(monkeypatch)

    rounds = [one_round(postroom, folder, limit=5) for _ in range(3)]

    assert [tally.taken for tally in rounds] == [5, 3, 0]
    assert [tally.duplicates for tally in rounds] == [0, 0, 0]
    assert all("Permission denied" in tally.refused for tally in rounds)


def test_owed_mails_whose_times_were_changed_starve_no_mail_either(
    postroom: Postroom, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [put(folder, f"{number}.M1.host", f"<{number}@x>") for number in range(3)]
    refuse_settling(monkeypatch)
    one_round(postroom, folder, limit=2)
    for path in paths:
        os.utime(path, (0, 1_700_000_000))

    tally = one_round(postroom, folder, limit=1)

    assert (tally.taken, tally.duplicates, len(taken(postroom))) == (1, 0, 3)


@pytest.mark.parametrize("cur", [True, False])
def test_a_mail_is_settled_into_cur_although_its_name_is_taken_there(
    postroom: Postroom, folder: Path, *, cur: bool
) -> None:
    put(folder, "order.eml", "<1@x>")
    put(folder, "order.eml:2,S", "<2@x>", shelf="cur")

    rounds = [one_round(postroom, folder, cur=cur, action=Action.CUR) for _ in range(3)]

    found = [(folder / "cur" / name).read_bytes() for name in maildir.listing(folder, "cur")]
    assert sorted(found) == [mail("<1@x>"), mail("<2@x>")]
    assert maildir.listing(folder, "new") == []
    assert (taken(postroom), rounds[2]) == (["<1@x>", "<2@x>"] if cur else ["<1@x>"], Tally())


def test_a_mail_in_cur_is_hidden_by_no_other_that_was_settled_under_its_name(
    postroom: Postroom, folder: Path
) -> None:
    path = put(folder, "order.eml:2,", "<1@x>", shelf="cur")
    one_round(postroom, folder, cur=True, action=Action.CUR)
    (folder / "cur" / "order.eml:2,S").unlink()
    put(folder, path.name, "<2@x>", shelf="cur")

    rounds = [one_round(postroom, folder, cur=True, action=Action.CUR) for _ in range(2)]

    assert [tally.taken for tally in rounds] == [1, 0]
    assert taken(postroom) == ["<1@x>", "<2@x>"]


def test_a_mail_settled_in_cur_whose_time_was_changed_is_not_met_again(
    postroom: Postroom, folder: Path
) -> None:
    put(folder, "order.eml", "<1@x>")
    one_round(postroom, folder, cur=True, action=Action.CUR)
    os.utime(folder / "cur" / "order.eml:2,S", (0, 1_700_000_000))

    tally = one_round(postroom, folder, cur=True, action=Action.CUR)

    assert (tally.taken, tally.duplicates) == (0, 0)


def test_a_mail_left_for_want_of_an_org_hides_no_other_under_its_name(
    open_postroom: Callable[..., Postroom], folder: Path
) -> None:
    postroom = open_postroom(leave_unknown=True)
    path = folder / "new" / "order.eml"
    path.write_bytes(mail("<1@x>", to="orders+nope@in.example"))
    assert one_round(postroom, folder).left == 1
    path.unlink()
    put(folder, "order.eml", "<2@x>")

    tally = one_round(postroom, folder)

    assert (tally.taken, taken(postroom)) == (1, ["<2@x>"])
