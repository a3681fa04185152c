"""`postroom status`: one sentence, every source, and the truth also while something is away."""

from __future__ import annotations

import shutil
from datetime import timedelta
from typing import Any

import pytest

from postroom.cli.status import look, sentence
from postroom.core.places import Place
from postroom.db.source_book import SqlSourceBook
from postroom.db.values import Intake, Seen, Verdict
from postroom.jobs.lock import state_lock
from postroom.jobs.polling import poll
from tests.unit.cli.room import Room

KEYS = "sources queue quarantine failed database storage version"
SOURCE_KEYS = "name kind state last_success lag_seconds today failed error token"


def status(room: Room) -> dict[str, Any]:
    (answer,) = room.rows("status")
    return answer


def test_the_json_has_the_stable_keys_in_their_order(room: Room) -> None:
    room.deliver()
    room.fetch()

    answer = status(room)

    assert " ".join(answer) == KEYS
    assert " ".join(answer["queue"]) == "received stored due oldest_seconds"
    (source,) = answer["sources"]
    assert " ".join(source) == SOURCE_KEYS
    assert source["last_success"].endswith("+00:00")
    assert source | {"last_success": ""} == {
        "name": "intake",
        "kind": "maildir",
        "state": "ok",
        "last_success": "",
        "lag_seconds": None,
        "today": 1,
        "failed": 0,
        "error": None,
        "token": None,
    }
    assert answer | {"sources": []} == {
        "sources": [],
        "queue": {"received": 0, "stored": 0, "due": 0, "oldest_seconds": None},
        "quarantine": 0,
        "failed": 0,
        "database": "ok",
        "storage": "ok",
        "version": "0.1.0",
    }


def test_a_fresh_postroom_is_well_but_was_never_polled(room: Room) -> None:
    answer = status(room)

    assert answer["sources"][0]["state"] == "never"
    assert (answer["database"], answer["storage"]) == ("ok", "ok")
    assert room.call("status").out.splitlines()[0] == "1 Maildir was never polled."


def test_a_source_in_trouble_is_named_with_the_way_out_and_the_exit_code_stays_0(room: Room) -> None:
    room.fetch()
    shutil.rmtree(room.maildir)
    room.fetch()

    (source,), table = status(room)["sources"], room.call("status")

    assert source["state"] == "failing"
    assert source["last_success"] is not None
    assert source["error"]["code"] == "E-MAILDIR"
    assert table.code == 0
    assert table.out.startswith("1 Maildir needs attention.\n")
    assert "[E-MAILDIR]" in table.out
    assert "     Fix: " in table.out


def test_failed_messages_and_quarantined_mails_are_counted(room: Room) -> None:
    room.fail(number=1)
    room.deliver("nope", number=2)
    room.deliver(number=3)
    room.fetch()

    answer, table = status(room), room.call("status")

    assert (answer["failed"], answer["quarantine"]) == (1, 1)
    assert (answer["sources"][0]["failed"], answer["sources"][0]["today"]) == (1, 3)
    assert table.out.splitlines()[0] == "1 message failed, 1 mail waits in quarantine."


def test_what_waits_is_in_the_queue_with_its_age(room: Room) -> None:
    room.deliver(number=1)
    room.deliver("beta", number=2)
    with room.house() as house:
        poll(house.sources["intake"], house)

    queue = status(room)["queue"]

    assert (queue["received"], queue["stored"], queue["due"]) == (0, 2, 2)
    assert 0 <= queue["oldest_seconds"] < 60


@pytest.mark.parametrize(
    ("verdict", "lag"),
    [
        pytest.param(Verdict.QUARANTINED, 7200, id="decided and not let go"),
        pytest.param(Verdict.LEFT, None, id="left alone on purpose"),
    ],
)
def test_the_oldest_copy_that_was_not_let_go_is_the_lag(
    room: Room, verdict: Verdict, lag: int | None
) -> None:
    with room.app() as app:
        now = app.now()
        for hours in (1, 2):
            place = Place("intake", "", file_name=str(hours))
            seen = Seen(place, verdict, now - timedelta(hours=hours), size_bytes=1)
            app.inbox.commit(Intake(seen=[seen]), now)

        answer = look(app, now)

    assert answer["sources"][0]["lag_seconds"] == lag


@pytest.mark.parametrize(
    ("error", "minutes", "lag"),
    [
        pytest.param(None, 5, None, id="polled a moment ago"),
        pytest.param(None, 120, 7200, id="nobody looked for two hours"),
        pytest.param({"code": "E-MAILDIR"}, 5, 300, id="nobody could look since five minutes"),
    ],
)
def test_the_lag_grows_from_the_moment_until_which_all_was_taken(
    room: Room, error: dict[str, str] | None, minutes: int, lag: int | None
) -> None:
    with room.app() as app:
        now = app.now()
        book, then = SqlSourceBook(app.database), now - timedelta(minutes=minutes)
        book.polled("intake", "maildir", then, error=None)
        if error:
            book.polled("intake", "maildir", now, error=error)

        answer = look(app, now)

    assert answer["sources"][0]["lag_seconds"] == lag


def test_an_archive_that_is_gone_is_said_and_nothing_is_written(room: Room) -> None:
    room.deliver()
    room.fetch()
    shutil.rmtree(room.archive)

    answer, table = status(room), room.call("status")

    assert answer["storage"] == f"its folder is not there: {room.archive}"
    assert table.out.startswith("The archive needs attention.\n")
    assert not room.archive.exists()


def test_a_damaged_database_is_said_and_the_rest_is_not_known(room: Room) -> None:
    room.deliver()
    room.fetch()
    for path in room.archive.parent.glob("postroom.db*"):
        path.write_bytes(b"no database at all, only text" * 100)

    answer, table = status(room), room.call("status")

    assert " ".join(answer) == KEYS
    assert answer["database"].startswith("the database is damaged")
    assert answer["queue"] == {"received": None, "stored": None, "due": None, "oldest_seconds": None}
    assert answer["sources"][0]["state"] == "failing"
    assert answer["sources"][0]["error"]["code"] == "E-DB-CORRUPT"
    assert answer["storage"] == "ok"
    assert table.code == 0
    assert table.out.startswith("The database needs attention.\n")
    assert "  [E-DB-CORRUPT]\n     Fix: move its file away and restore a backup of it\n" in table.out


def test_reading_works_while_another_postroom_holds_the_lock(room: Room) -> None:
    room.deliver()
    room.fetch()

    with room.app() as app, state_lock(app.settings.state_dir, command="run", now=app.now()):
        codes = [room.call(*words.split()).code for words in ("status", "messages", "documents", "org list")]

    assert codes == [0, 0, 0, 0]


def source(state: str, kind: str, **token: bool) -> dict[str, Any]:
    told = {"needs_login": False, "ends_soon": False} | token if token else None
    return {"state": state, "kind": kind, "token": told}


FINE: dict[str, Any] = {"database": "ok", "storage": "ok", "failed": 0, "quarantine": 0}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        pytest.param({"sources": [source("ok", "imap")]}, "All is well", id="well"),
        pytest.param(
            {"sources": [source("failing", "imap")] * 2}, "2 mailboxes need attention", id="mailboxes"
        ),
        pytest.param(
            {"sources": [source("failing", "imap"), source("failing", "maildir")]},
            "2 sources need attention",
            id="of both kinds",
        ),
        pytest.param(
            {"sources": [source("ok", "imap", ends_soon=True)] * 2},
            "2 logins end within 14 days",
            id="logins",
        ),
        pytest.param(
            {"sources": [source("failing", "imap", needs_login=True)]},
            "1 mailbox needs attention, 1 login is needed",
            id="no login",
        ),
        pytest.param({"sources": []}, "no source is configured", id="none"),
        pytest.param(
            {"sources": [source("ok", "imap")], "failed": 3, "quarantine": 2},
            "3 messages failed, 2 mails wait in quarantine",
            id="mails",
        ),
    ],
)
def test_one_sentence_says_how_things_are(answer: dict[str, Any], words: str) -> None:
    assert sentence(FINE | answer) == words


def test_today_begins_at_midnight_utc(room: Room) -> None:
    room.deliver()
    room.fetch()

    with room.app() as app:
        tomorrow = look(app, app.now() + timedelta(days=1))

    assert tomorrow["sources"][0]["today"] == 0
