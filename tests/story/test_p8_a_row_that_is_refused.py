"""P8: a mail that the database cannot store stops no other, and is kept for a person."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.databases import fresh_postgres
from tests.house import PDF, Postroom
from tests.mailbox import mail
from tests.servers.postgres import Postgres

pytestmark = pytest.mark.postgres

# A value that PostgreSQL cannot take (its class 22, data exception), whatever postroom cleans before.
TRIGGER = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.subject = 'poison' THEN RAISE EXCEPTION 'this is no subject' USING ERRCODE = '22000'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse BEFORE INSERT ON inbound_message FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE TRIGGER refuse BEFORE INSERT ON quarantine FOR EACH ROW EXECUTE FUNCTION refuse()
"""


@pytest.fixture
def picky(tmp_path: Path, postgres: Postgres) -> Iterator[Postroom]:
    """Yield a postroom whose database refuses one subject wherever it is to be written."""
    room = Postroom(tmp_path, database_url=fresh_postgres(postgres))
    with room.database.write() as connection:
        connection.exec_driver_sql(TRIGGER)
    yield room
    room.database.close()


def named(number: int, subject: bytes = b"an order") -> bytes:
    return mail(f"<{number}@x>", po=PDF).replace(b"Subject: an order", b"Subject: " + subject)


def test_a_mail_whose_row_is_refused_is_held_and_all_others_are_taken(picky: Postroom) -> None:
    tally = picky.take_in(named(1), named(2, b"poison"), named(3))

    assert (tally.taken, tally.quarantined, tally.documents) == (2, 1, 2)
    assert [message.source_message_id for message in picky.messages()] == ["<1@x>", "<3@x>"]
    (held,) = picky.held()
    assert (held.code, held.subject, held.raw_key is None) == ("unstorable", None, False)
    assert "this is no subject" in held.reason


def test_the_cursor_passes_it_and_its_source_forgets_it(picky: Postroom) -> None:
    picky.take_in(named(1), named(2, b"poison"), named(3))
    picky.orders.read.clear()

    again = picky.poll()

    assert (again.taken, picky.orders.read) == (0, [])
    assert sorted(picky.orders.settled) == [1, 2, 3]
