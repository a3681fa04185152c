"""P8: a broken message, mailbox or org never stops the others, and costs a bounded number of attempts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from postroom import maildir
from postroom.core.limits import DEFAULT_LIMITS
from postroom.core.routing import Rule
from postroom.errors import ConnectFailed, MaildirUnusable
from postroom.fetcher.source import Batch, Memory
from postroom.jobs.once import one_round
from tests.house import ORDERS, PDF, Postroom
from tests.mailbox import MailboxInRam, mail

BROKEN = [
    pytest.param(b"", id="nothing"),
    pytest.param(b"\r\n\r\n", id="blank lines"),
    pytest.param(b"\x00" * 2000, id="NULs"),
    pytest.param(b"no header at all", id="no header"),
    pytest.param(mail().replace(b'boundary="b"', b""), id="a multipart without a boundary"),
    pytest.param(mail().replace(b"--b--", b""), id="no end boundary"),
    pytest.param(mail().replace(b"From: ", b"From: <\x00\xff"), id="a From that is none"),
    pytest.param(mail().replace(b"text/plain", b"text/plain; name*"), id="a parameter that is none"),
    pytest.param(mail(po=PDF).replace(b"base64", b"quoted-printable"), id="a wrong encoding"),
    pytest.param(
        mail().replace(b"Subject: an order", b"Subject: =?utf-8?B?" + b"\xff\xfe?="), id="a bad word"
    ),
    pytest.param(mail().replace(b"Tue, 4 Mar 2025", b"Tue, 99 Mar 99999"), id="a date that is none"),
    pytest.param(mail(to="orders+\x00@in.example"), id="a recipient that is none"),
]


@pytest.mark.parametrize("broken", BROKEN)
def test_a_broken_mail_is_kept_and_its_neighbours_are_taken(postroom: Postroom, broken: bytes) -> None:
    tally = postroom.take_in(mail("<before@x>", po=PDF), broken, mail("<after@x>", po=PDF))

    parsed = {
        message.source_message_id for message in postroom.messages() if message.status.value == "parsed"
    }
    assert {"<before@x>", "<after@x>"} <= parsed
    assert tally.taken + tally.duplicates + tally.quarantined == 3
    assert sorted(postroom.orders.settled) == [1, 2, 3]
    assert broken in map(postroom.archive.read, postroom.archive.objects())


def test_a_mailbox_that_is_away_holds_up_no_other(postroom: Postroom) -> None:
    broken = MailboxInRam("broken", postroom.folder / "spool-2")
    broken.is_away = True
    postroom.orders.put(mail(po=PDF))

    outcome = one_round([postroom.kit(broken), postroom.kit(postroom.orders)], postroom.house)

    assert outcome.fine == ("orders",)
    assert isinstance(outcome.troubled["broken"], ConnectFailed)
    assert outcome.tally.documents == 1


class Buggy(MailboxInRam):
    """A mailbox whose answers run into a bug of ours."""

    def batches(self, memory: Memory, *, limit: int, since: datetime | None = None) -> Iterator[Batch]:
        raise ZeroDivisionError("a bug")


def test_a_bug_met_in_one_mailbox_holds_up_no_other(postroom: Postroom) -> None:
    buggy = Buggy("buggy", postroom.folder / "spool-2")
    postroom.orders.put(mail(po=PDF))

    outcome = one_round([postroom.kit(buggy), postroom.kit(postroom.orders)], postroom.house)

    assert outcome.fine == ("orders",)
    assert (outcome.troubled["buggy"].exit, str(outcome.troubled["buggy"])) == (
        70,
        "ZeroDivisionError: a bug",
    )
    assert outcome.tally.documents == 1


def test_a_message_that_cannot_be_parsed_costs_three_attempts_and_nobody_else_anything(
    postroom: Postroom,
) -> None:
    postroom.orders.put(mail("<lost@x>", po=PDF))
    postroom.orders.put(mail("<fine@x>", po=PDF + b"2"))
    postroom.poll()
    postroom.archive.lose(
        str(next(m.raw_key for m in postroom.messages() if m.source_message_id == "<lost@x>"))
    )

    failed = 0
    for _ in range(10):
        failed += postroom.extract().failed
        postroom.clock.later(86400)

    outcome = {
        message.source_message_id: (message.status.value, message.attempts) for message in postroom.messages()
    }
    assert outcome == {"<lost@x>": ("failed", 3), "<fine@x>": ("parsed", 1)}
    assert failed == 1


def test_an_unknown_org_holds_up_no_other(postroom: Postroom) -> None:
    tally = postroom.take_in(mail("<1@x>", to="orders+nope@in.example"), mail("<2@x>", po=PDF))

    assert (tally.taken, tally.quarantined, tally.documents) == (1, 1, 1)


def test_a_suspended_org_holds_up_no_other(postroom: Postroom) -> None:
    postroom.directory.suspend("acme", postroom.clock(), suspended=True)

    tally = postroom.take_in(mail("<1@x>"), mail("<2@x>", to="orders+beta@in.example"))

    assert (tally.taken, tally.quarantined) == (1, 1)
    assert [held.code for held in postroom.held()] == ["suspended-org"]


def test_a_mail_over_the_limit_is_held_and_its_neighbours_are_taken(
    open_postroom: Callable[..., Postroom],
) -> None:
    postroom = open_postroom(limits=replace(DEFAULT_LIMITS, message_bytes=2000))

    tally = postroom.take_in(mail("<1@x>", text="x" * 3000), mail("<2@x>"))

    assert (tally.taken, tally.quarantined) == (1, 1)
    assert [held.code for held in postroom.held()] == ["too-large"]


def test_a_mail_that_names_tens_of_thousands_of_orgs_is_only_a_mail(
    open_postroom: Callable[..., Postroom],
) -> None:
    postroom = open_postroom(rule=Rule(ORDERS, to_cc=True))
    lines = [
        f"To: {','.join(f'orders+o{line}-{number}@in.example' for number in range(600))}" for line in range(8)
    ]
    bomb = (
        "\r\n".join(lines) + "\r\nCc: orders+acme@in.example\r\nMessage-ID: <bomb@x>\r\n\r\nhello\r\n"
    ).encode()

    tally = postroom.take_in(
        *[bomb.replace(b"+o", f"+n{number}".encode()) for number in range(8)], mail("<2@x>")
    )

    assert tally.taken >= 2
    assert ("<2@x>", "parsed") in {(m.source_message_id, m.status.value) for m in postroom.messages()}


def test_a_maildir_with_a_file_that_cannot_be_read_gives_its_other_mails(
    postroom: Postroom, tmp_path: Path
) -> None:
    folder = tmp_path / "Maildir"
    maildir.create(folder)
    (folder / "new" / "bad\udcff").write_bytes(mail("<1@x>"))
    maildir.deliver(folder, mail("<2@x>"))

    with pytest.raises(MaildirUnusable, match="not UTF-8"):
        postroom.poll(postroom.maildir(folder))

    assert [message.source_message_id for message in postroom.messages()] == ["<2@x>"]
