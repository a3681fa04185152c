"""What was said is remembered as it was said, in every database."""

from __future__ import annotations

from postroom.core.notices import Notice
from postroom.db.engine import Database
from postroom.db.notices import SqlNotices
from tests.contract.db.databases import MORNING, minutes

SAID = Notice("source orders", "E-IMAP-AUTH", "orders: refused", 0, MORNING, minutes(1))
WAITING = Notice("the quarantine", "E-UNROUTABLE", "mails in the quarantine: 3", 2**40, MORNING, None)


def test_notices_come_back_as_they_were(database: Database) -> None:
    notices = SqlNotices(database)

    notices.replace([SAID, WAITING])

    assert notices.known() == {"source orders": SAID, "the quarantine": WAITING}


def test_only_the_last_ones_are_kept(database: Database) -> None:
    notices = SqlNotices(database)
    notices.replace([SAID, WAITING])

    notices.replace([WAITING])
    notices.replace([WAITING])

    assert notices.known() == {"the quarantine": WAITING}
