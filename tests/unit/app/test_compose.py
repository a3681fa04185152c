"""How settings become an opened postroom, and a postroom a house."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from postroom import maildir
from postroom.app.archive import open_store
from postroom.app.compose import make_state_dir, open_app
from postroom.app.house import build_house
from postroom.app.sources import kits
from postroom.config.load import load
from postroom.config.settings import Settings
from postroom.db.leases import SqlLeases
from postroom.db.schema import HEAD, revision
from postroom.errors import FileFault, LeaseLost, UsageFault
from postroom.fetcher.imap import ImapSource
from tests.servers.waiting import free_port

CONFIG = """
[orgs]
address = "orders+{org}@in.example"
unknown = "leave"
[org.acme]
name = "Acme GmbH"
aliases = ["inc"]
[jobs]
workers = 3
[maildir.intake]
path = "Maildir"
trusted_hops = 1
[mailbox.orders]
host = "imap.example.com"
user = "orders"
password = "secret"
org = "acme"
max_per_poll = 7
"""


def settings(folder: Path, text: str = CONFIG) -> Settings:
    path = folder / "postroom.toml"
    path.write_text(f'state_dir = "{folder / "state"}"\n{text}')
    path.chmod(0o600)
    return load(path, environ={}, cwd=folder, home=folder, is_root=False, secrets=True).settings


def test_an_opened_postroom_has_its_tables_and_its_orgs(tmp_path: Path) -> None:
    with open_app(settings(tmp_path)) as app:
        found = app.directory.resolve({"inc"})["inc"].slug

        assert (revision(app.database), found) == (HEAD, "acme")
        assert app.now().tzinfo is not None
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700


def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    with open_app(settings(tmp_path)) as app:
        before = app.directory.every()

    with open_app(settings(tmp_path)) as app:
        assert app.directory.every() == before


def test_a_fault_while_opening_closes_what_was_open(tmp_path: Path) -> None:
    broken = settings(tmp_path)
    with open_app(broken) as app:
        app.directory.add("beta", app.now())
    clashing = settings(tmp_path, CONFIG.replace('"inc"', '"beta"'))

    with pytest.raises(UsageFault, match="beta"), open_app(clashing):
        pass


def test_a_state_dir_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")

    with pytest.raises(FileFault, match=r"cannot use the state_dir .*/state: File exists") as fault:
        make_state_dir(tmp_path / "state")

    assert fault.value.fix == "set state_dir, or give this user write rights there"


def test_the_archive_lies_where_the_config_says(tmp_path: Path) -> None:
    store = open_store(settings(tmp_path, f'[storage]\nurl = "file://{tmp_path}/elsewhere"\n'))

    store.put("a/b", b"mail")

    assert (tmp_path / "elsewhere" / "a" / "b").read_bytes() == b"mail"


def test_an_archive_that_is_away_at_the_start_is_said_in_the_log(tmp_path: Path, log: io.StringIO) -> None:
    with open_app(settings(tmp_path)) as fine:
        fine.report_archive()
    nowhere = f"""[storage]
url = "s3://archive?endpoint=http://127.0.0.1:{free_port()}"
access_key = "a"
secret_key = "b"
"""

    with open_app(settings(tmp_path, nowhere)) as away:
        away.report_archive()

    (said,) = [json.loads(line) for line in log.getvalue().splitlines() if "archive away" in line]
    assert (said["code"], said["fix"]) == ("E-STORE-NET", "postroom check --connect shows which step fails")


def test_taking_over_clears_what_a_dead_predecessor_left(tmp_path: Path) -> None:
    with open_app(settings(tmp_path)) as app:
        leftover = app.spool / "orders" / "postroom-1.eml"
        leftover.parent.mkdir(parents=True)
        leftover.write_bytes(b"half a mail")
        draft = tmp_path / "state" / "archive" / "_drafts" / "1.draft"
        draft.parent.mkdir(parents=True)
        draft.write_bytes(b"half a document")
        leases = SqlLeases(app.database)
        fence = leases.acquire("source:orders", holder="dead", seconds=9999, now=app.now())
        assert fence is not None

        app.take_over()

        assert not leftover.exists()
        assert not draft.exists()
        with pytest.raises(LeaseLost):
            leases.renew(fence, seconds=1, now=app.now())


def test_every_source_gets_a_kit_with_its_own_rule(tmp_path: Path) -> None:
    with open_app(settings(tmp_path)) as app:
        made = kits(app)

    intake, orders = made["intake"], made["orders"]
    assert (list(made), intake.kind, orders.kind) == (["orders", "intake"], "maildir", "imap")
    assert (intake.desk.rule.trusted_hops, intake.desk.rule.trust) == (1, ("X-Original-To", "Delivered-To"))
    assert (orders.desk.rule.pinned, orders.max_per_poll) == ("acme", 7)
    assert (intake.desk.leave_unknown, intake.desk.source_name) == (True, "intake")
    assert intake.wake_paths == (str(tmp_path / "Maildir" / "new"),)


def test_where_the_kernel_does_not_tell_a_maildir_is_only_looked_at(tmp_path: Path) -> None:
    on_nfs = CONFIG.replace('path = "Maildir"', 'path = "Maildir"\nwatch = "poll"\npoll = "10s"')
    with open_app(settings(tmp_path, on_nfs)) as app:
        intake = kits(app)["intake"]

    assert (intake.wake_paths, intake.poll_seconds) == ((), 10.0)


def test_a_source_is_opened_only_when_it_is_connected_and_closed_after(tmp_path: Path) -> None:
    with open_app(settings(tmp_path)) as app:
        made = kits(app)
        with made["orders"].connect() as mailbox:
            assert isinstance(mailbox, ImapSource)  # nothing was asked of the server, which does not exist
        maildir.create(tmp_path / "Maildir")
        with made["intake"].connect() as folder:
            assert list(folder.batches(made["intake"].memory, limit=1)) == []


def test_a_house_has_what_the_config_says(tmp_path: Path) -> None:
    with open_app(settings(tmp_path)) as app:
        house = build_house(app)

    assert (house.pace.workers, house.pace.attempts, house.pace.lease_seconds) == (3, 3, 30)
    assert 0.0 <= house.jitter() < 1.0
    assert list(house.sources) == ["orders", "intake"]
    assert not house.stopping.is_set()
