"""A round whose time is measured out ends in time, whatever a server does, and the next one goes on there."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from postroom import maildir
from postroom.core.deadline import Deadline
from postroom.core.limits import DEFAULT_LIMITS
from postroom.errors import BudgetSpent, MailUnreadable
from postroom.fetcher.imap import ImapSource
from postroom.fetcher.source import Batch
from tests.command import Done, postroom
from tests.databases import furnish
from tests.servers.memory import MemoryInRam
from tests.servers.scripted_imap import STALLS, ScriptedImap, scripted_imap

pytestmark = pytest.mark.timeout(180)  # each round takes the time it is given, and begins as a process

MAIL = (
    b"Delivered-To: orders+acme@in.test\nReceived: from a by b\nFrom: a@b.test\nMessage-ID: <1@b.test>\n"
    b"Content-Type: application/pdf; name=a.pdf\nContent-Disposition: attachment\n\npdf\n"
)


@pytest.fixture
def server() -> Iterator[ScriptedImap]:
    with scripted_imap() as running:
        yield running


def configured(folder: Path, *tables: str) -> Path:
    furnish(folder / "state")
    path = folder / "postroom.toml"
    path.write_text(f'state_dir = "{folder}/state"\n[org.acme]\n' + "".join(tables))
    path.chmod(0o600)
    return path


def mailbox(server: ScriptedImap, name: str) -> str:
    port = server.server_address[1]
    return (
        f'[mailbox.{name}]\nhost = "127.0.0.1"\nport = {port}\ntls = "off"\nuser = "u"\npassword = "x"\n'
        'org = "acme"\nsince = "all"\n'
    )


def measured_round(config: Path, budget: str, *, answer: int = 0) -> Done:
    """Return what a round printed; one that was not over in time ends with 75, and not with 0."""
    return postroom(config, "fetch", "--once", "--budget", budget, "--json", answer=answer)


def test_a_server_that_stalls_within_a_mail_costs_the_round_no_more_than_its_time(
    tmp_path: Path, server: ScriptedImap
) -> None:
    server.put(*[b"x"] * 5)
    server.moods[3] = STALLS
    config = configured(tmp_path, mailbox(server, "orders"))

    done = measured_round(config, "12s")
    server.moods.clear()
    again = measured_round(config, "45s")

    facts = done.objects()[0]
    assert (facts["taken"], facts["unfinished"], facts["exit"]) == (2, 1, 0)
    assert (again.objects()[0]["taken"], again.objects()[0]["unfinished"]) == (3, 0)


def test_a_server_that_stalls_takes_no_turn_from_the_others(tmp_path: Path, server: ScriptedImap) -> None:
    server.put(b"x")
    server.moods[1] = STALLS
    maildir.create(tmp_path / "Maildir")
    maildir.deliver(tmp_path / "Maildir", MAIL)
    intake = f'[maildir.intake]\npath = "{tmp_path}/Maildir"\norg = "acme"\n'
    config = configured(tmp_path, mailbox(server, "orders"), intake)

    first = measured_round(config, "12s")
    second = measured_round(config, "12s")

    assert [done.objects()[0]["taken"] for done in (first, second)] == [0, 1]
    assert [done.objects()[0]["unfinished"] for done in (first, second)] == [2, 1]


@pytest.mark.usefixtures("own_places")
def test_a_round_ends_in_time_whatever_hangs(tmp_path: Path) -> None:
    maildir.create(tmp_path / "Maildir")
    maildir.deliver(tmp_path / "Maildir", MAIL)
    intake = f'[maildir.intake]\npath = "{tmp_path}/Maildir"\norg = "acme"\n'
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        port = nobody.getsockname()[1]
        storage = (
            f'[storage]\nurl = "s3://mail?endpoint=http://127.0.0.1:{port}&region=here"\n'
            'access_key = "a"\nsecret_key = "s"\n'
        )
        config = configured(tmp_path, intake, storage)

        done = measured_round(config, "3s", answer=75)

    facts = done.objects()[0]
    assert (facts["taken"], facts["exit"]) == (0, 75)
    assert 3.0 <= facts["seconds"] < 30.0
    assert len(list((tmp_path / "Maildir" / "new").iterdir())) == 1


def test_a_stalled_mail_costs_itself_its_attempts_and_the_mailbox_goes_on(
    server: ScriptedImap, tmp_path: Path
) -> None:
    server.put(*[b"x"] * 6)
    server.moods[3] = STALLS
    ends = Deadline(time.monotonic() + 9.0, time.monotonic, patience_seconds=0.2)
    taken: list[Batch] = []

    source = impatient(server, tmp_path, ends)
    with pytest.raises(MailUnreadable, match="UID 3"):
        taken.extend(source.batches(MemoryInRam(), limit=9))

    assert [copy.place.uid for batch in taken for copy in batch.fetched] == [1, 2, 4, 5, 6]
    source.close()


def test_what_was_read_whole_when_the_time_was_over_is_yielded(server: ScriptedImap, tmp_path: Path) -> None:
    server.put(*[b"x"] * 6)
    server.moods[4] = STALLS
    ends = Deadline(time.monotonic() + 4.0, time.monotonic)
    taken: list[Batch] = []

    source = impatient(server, tmp_path, ends)
    with pytest.raises(BudgetSpent):
        taken.extend(source.batches(MemoryInRam(), limit=9))

    (batch,) = taken
    assert [copy.place.uid for copy in batch.fetched] == [1, 2, 3]
    assert batch.cursor is not None
    assert batch.cursor.last_uid == 3
    source.close()


def test_a_server_that_never_greets_is_given_up_in_time(tmp_path: Path, server: ScriptedImap) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        table = mailbox(server, "orders").replace(str(server.server_address[1]), str(mute.getsockname()[1]))
        config = configured(tmp_path, table)

        done = measured_round(config, "12s", answer=69)

    assert "no answer in time  [E-IMAP-CONNECT]" in done.err
    assert (done.objects()[0]["sources"], done.objects()[0]["exit"]) == (1, 69)


def test_a_budget_is_no_matter_of_a_dry_run(tmp_path: Path) -> None:
    config = configured(tmp_path)

    done = postroom(config, "fetch", "--once", "--dry-run", "--budget", "5s", answer=64)

    assert "--budget and --dry-run exclude each other" in done.err


def impatient(server: ScriptedImap, folder: Path, ends: Deadline) -> ImapSource:
    return ImapSource(server.mailbox, folder / "imap-spool", DEFAULT_LIMITS).until(ends)
