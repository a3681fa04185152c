"""P8: what is taken apart by other processes is the same, and the death of one of them costs no mail."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from postroom.failpoints import VARIABLE
from tests.crew import told, worked_by_processes
from tests.hostile_mail import HOSTILE, hostile_mail
from tests.house import PDF, Postroom
from tests.mailbox import mail
from tests.servers.archives import FolderStock

Open = Callable[..., Postroom]


@pytest.fixture
def open_here(open_postroom: Open, tmp_path: Path) -> Open:
    """Return what opens a postroom with its archive where worker processes of its folder look for it."""
    folders = iter(range(9))
    return lambda: open_postroom(stock=FolderStock(tmp_path / f"postroom-{next(folders)}" / "archive"))


def test_worker_processes_find_what_this_one_finds_and_fail_as_it_does(open_here: Open) -> None:
    said = []
    for processes in (0, 2):
        postroom = open_here()
        for number, words in enumerate(HOSTILE.values()):
            postroom.orders.put(hostile_mail(words, tag="acme", number=number))
        for name in ("<lost@x>", "<changed@x>", "<fine@x>"):
            postroom.orders.put(mail(name, po=PDF, other=PDF + name.encode()))
        postroom.poll()
        keys = {message.source_message_id: message.raw_key for message in postroom.messages()}
        postroom.archive.lose(keys["<lost@x>"])
        postroom.archive.replace(keys["<changed@x>"], b"other bytes")

        with worked_by_processes(postroom, processes) if processes else nullcontext():
            postroom.extract()
        said.append(told(postroom))
        assert sorted(set(postroom.statuses())) == ["parsed", "stored"]

    assert said[0] == said[1]
    assert said[1]["<lost@x>"][0].startswith("stored 1 E-OBJECT-MISSING not in the archive: ORG/raw/")
    assert len(said[1]["<fine@x>"]) == 7, "a message, four parts, two documents"


def test_processes_that_die_in_the_middle_of_their_work_lose_and_double_nothing(
    open_here: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "extract.kept:6:kill")
    postroom = open_here()
    for number in range(18):
        postroom.orders.put(mail(f"<{number}@x>", po=PDF + b"%d" % number))
    postroom.poll()

    with worked_by_processes(postroom, 2):
        tally = postroom.extract()

    assert (tally.documents, tally.failed) == (18, 0)
    assert postroom.statuses() == ["parsed"] * 18
    assert {message.attempts for message in postroom.messages()} == {1}
    assert len({document.sha256 for document in postroom.documents()}) == 18
    assert max(work.deaths for work in postroom.work()) > 0


def test_a_mail_that_kills_every_process_is_failed_in_the_end_and_the_others_flow_on(
    open_here: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "archive.drafted:1:kill")  # which a mail without a document never reaches
    postroom = open_here()
    postroom.house = replace(postroom.house, pace=replace(postroom.house.pace, attempts=1))
    postroom.orders.put(mail("<deadly@x>", po=PDF))
    for number in range(12):
        postroom.orders.put(mail(f"<{number}@x>"))
    postroom.poll()

    with worked_by_processes(postroom, 1):
        postroom.extract()

    fates = told(postroom)
    assert fates.pop("<deadly@x>") == [
        "failed 1 E-DEADLY a worker process that took this message apart alone was killed by SIGKILL"
    ]
    assert [lines[0] for lines in fates.values()] == ["parsed 1 None "] * 12
