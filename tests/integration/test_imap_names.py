"""Folder names reach the server in the one of two spellings that it understands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from postroom.config.settings import Action, After, Mailbox
from postroom.core.limits import DEFAULT_LIMITS
from postroom.fetcher.imap import ImapSource
from postroom.fetcher.probe import probe
from tests.servers.dovecot import Dovecot
from tests.servers.fixtures import fresh_mailbox
from tests.servers.memory import MemoryInRam
from tests.servers.scripted_imap import ScriptedImap, scripted_imap

FOLDER = "Aufträge/Größe & Maß"
AS_UTF_7 = "Auftr&AOQ-ge/Gr&APYA3w-e &- Ma&AN8-"


@pytest.fixture
def server() -> Iterator[ScriptedImap]:
    with scripted_imap() as running:
        running.put(b"x")
        yield running


def taken(mailbox: Mailbox, spool: Path) -> int:
    source = ImapSource(replace(mailbox, folders=(FOLDER,)), spool, DEFAULT_LIMITS)
    try:
        return sum(len(batch.fetched) for batch in source.batches(MemoryInRam(), limit=9))
    finally:
        source.close()


@pytest.mark.parametrize(
    ("utf8", "refusal", "name"),
    [
        pytest.param(True, "", FOLDER, id="UTF-8 where the server takes it"),
        pytest.param(False, "", AS_UTF_7, id="modified UTF-7 where it does not say so"),
        pytest.param(True, "NO not today", AS_UTF_7, id="and where it says so and refuses"),
        pytest.param(True, "BAD what", AS_UTF_7, id="in whatever words"),
    ],
)
def test_a_folder_is_named_as_the_server_understands_it(
    server: ScriptedImap, tmp_path: Path, utf8: bool, refusal: str, name: str
) -> None:
    server.utf8 = utf8
    if refusal:
        server.says["ENABLE"] = refusal

    count = taken(server.mailbox, tmp_path)

    assert (count, server.opened) == (1, [name])


@pytest.mark.parametrize(
    ("utf8", "shown"), [pytest.param(True, FOLDER, id="UTF-8"), pytest.param(False, AS_UTF_7, id="UTF-7")]
)
def test_the_folders_of_a_server_are_shown_as_people_read_them(
    server: ScriptedImap, utf8: bool, shown: str
) -> None:
    server.utf8, server.folders = utf8, ["INBOX", shown]

    words = {step.name: step.words for step in probe(server.mailbox)}

    assert words["folders"].endswith(f"it shows {FOLDER}, INBOX")


def test_a_label_of_gmail_stays_in_the_spelling_that_labels_have(
    server: ScriptedImap, tmp_path: Path
) -> None:
    server.utf8, server.labels = True, {}
    mailbox = replace(server.mailbox, after=After(Action.LABEL, label="erledigt/größer"))

    taken(mailbox, tmp_path)

    assert server.opened == [AS_UTF_7]


@pytest.mark.dovecot
def test_a_real_server_opens_the_folder_by_its_name(dovecot: Dovecot, tmp_path: Path) -> None:
    mailbox = fresh_mailbox(dovecot)
    after = After(Action.MOVE, folder="Erledigt (größer)")
    dovecot.deliver(mailbox.user, b"Subject: one\n\nx\n")
    source = ImapSource(replace(mailbox, after=after), tmp_path, DEFAULT_LIMITS)

    (batch,) = source.batches(MemoryInRam(), limit=9)
    source.settle([copy.place for copy in batch.fetched])
    words = {step.name: step.words for step in probe(mailbox)}

    assert words["folders"] == "INBOX (0 mails); it shows Erledigt (größer), INBOX"
    source.close()
