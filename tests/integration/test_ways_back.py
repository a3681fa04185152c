"""On both databases: a message is taken apart once more, and hostile words reach no statement."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from postroom import maildir
from tests.command import postroom
from tests.hostile_mail import HOSTILE, hostile_mail
from tests.mailbox import mail


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    """Return the configuration of a postroom with a Maildir."""
    maildir.create(tmp_path / "Maildir")
    config = tmp_path / "postroom.toml"
    config.write_text(
        f'state_dir = "{tmp_path}/state"\n[orgs]\naddress = "orders+{{org}}@in.example"\n[org.acme]\n'
        f'[maildir.intake]\npath = "{tmp_path}/Maildir"\n'
    )
    return config


def rows(config: Path, *words: str) -> list[dict[str, Any]]:
    return postroom(config, *words, "--json").objects()


def test_a_message_that_is_taken_apart_once_more_keeps_its_document(desk: Path) -> None:
    maildir.deliver(
        desk.parent / "Maildir", mail("<1@a.example>", to="orders+acme@in.example", po=b"%PDF-1.4")
    )
    postroom(desk, "fetch", "--once")
    (before,) = rows(desk, "documents")

    (answer,) = rows(desk, "replay", "<1@a.example>")

    assert (answer["before"], answer["after"], answer["new"], answer["gone"]) == ("parsed", "parsed", [], [])
    assert rows(desk, "documents") == [before]


def test_no_words_of_a_mail_whatever_keep_it_out_of_the_database(desk: Path) -> None:
    for number, words in enumerate(HOSTILE.values()):
        maildir.deliver(desk.parent / "Maildir", hostile_mail(words, tag="acme", number=number))

    (round_,) = rows(desk, "fetch", "--once")

    assert (round_["taken"], round_["failed"], round_["exit"]) == (len(HOSTILE), 0, 0)
    assert {row["status"] for row in rows(desk, "messages")} == {"parsed"}
    assert len(rows(desk, "messages")) == len(HOSTILE)
    assert len(rows(desk, "documents")) == round_["documents"]
