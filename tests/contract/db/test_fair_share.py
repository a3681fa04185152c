"""What every claim promises: the orgs take turns, whatever one of them has piled up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import update

from postroom.db.engine import Database
from postroom.db.inbox import SqlInbox
from postroom.db.machinery import OUTBOX, WORK
from postroom.db.orgs import SqlDirectory
from postroom.db.outbox import SqlOutbox
from postroom.db.outcomes import Extracted, Told
from postroom.db.tables import DOCUMENT
from postroom.db.values import Claim, Intake, Owed
from postroom.db.workbench import SqlWorkbench
from tests.contract.db.databases import MORNING, message, minutes, part, rows


class Orgs:
    """Some orgs, and the mails that are due for them."""

    def __init__(self, database: Database) -> None:
        self.database, self.bench, self.outbox = database, SqlWorkbench(database), SqlOutbox(database)
        self.slugs: dict[UUID, str] = {}

    def add(self, *slugs: str) -> None:
        for slug in slugs:
            self.slugs[SqlDirectory(self.database).add(slug, MORNING).id] = slug

    def mails(self, slug: str, count: int, moment: float = 0) -> None:
        (org_id,) = (org_id for org_id, name in self.slugs.items() if name == slug)
        new = [message(org_id, f"<{number}@{slug}.{moment}>") for number in range(count)]
        SqlInbox(self.database).commit(Intake(new), minutes(moment))

    def claim(self, limit: int, moment: float = 10) -> Counter[str]:
        return self._by_slug(self.bench.claim(limit=limit, holder="h", lease_seconds=60, now=minutes(moment)))

    def claim_owed(self, limit: int, moment: float = 10) -> Counter[str]:
        return self._by_slug(
            self.outbox.claim(limit=limit, holder="h", lease_seconds=60, now=minutes(moment))
        )

    def finish_all(self) -> None:
        while claims := self.bench.claim(limit=100, holder="h", lease_seconds=60, now=minutes(10)):
            self.bench.finish([Extracted(claim, (part(),)) for claim in claims], minutes(10))

    def _by_slug(self, claims: Sequence[Claim | Owed]) -> Counter[str]:
        return Counter(self.slugs[claim.org_id] for claim in claims)


@pytest.fixture
def orgs(database: Database) -> Orgs:
    orgs = Orgs(database)
    orgs.add("acme", "beta", "gamma")
    return orgs


def test_a_single_mail_behind_a_flood_is_in_the_next_batch(orgs: Orgs) -> None:
    orgs.mails("acme", 300)
    orgs.mails("gamma", 300)
    orgs.mails("beta", 1, moment=5)

    claimed = orgs.claim(20)

    assert (claimed["beta"], claimed["acme"] + claimed["gamma"]) == (1, 19)
    assert min(claimed["acme"], claimed["gamma"]) >= 6


def test_a_share_that_one_org_leaves_goes_to_the_others(orgs: Orgs) -> None:
    orgs.mails("acme", 100)
    orgs.mails("beta", 2)

    assert orgs.claim(20) == {"acme": 18, "beta": 2}
    assert orgs.claim(20) == {"acme": 20}


def test_more_orgs_than_a_batch_has_room_for_all_get_their_turn(orgs: Orgs) -> None:
    orgs.add(*(f"org{number}" for number in range(9)))
    for slug in orgs.slugs.values():
        orgs.mails(slug, 50)

    served = sum((orgs.claim(4) for _ in range(6)), Counter[str]())

    assert served == dict.fromkeys(orgs.slugs.values(), 2)


def test_within_an_org_the_longest_due_comes_first(orgs: Orgs) -> None:
    orgs.mails("acme", 1, moment=2)
    orgs.mails("acme", 1, moment=1)
    orgs.mails("beta", 1, moment=3)

    claims = orgs.bench.claim(limit=2, holder="h", lease_seconds=60, now=minutes(5))

    assert sorted(claim.source_message_id for claim in claims) == ["<0@acme.1>", "<0@beta.3>"]


def test_an_org_whose_work_waits_for_its_time_takes_no_share(orgs: Orgs) -> None:
    orgs.mails("acme", 9, moment=60)
    orgs.mails("beta", 9)

    assert (orgs.claim(4), orgs.claim(9)) == ({"beta": 4}, {"beta": 5})


def test_what_others_hold_does_not_count_as_due(orgs: Orgs) -> None:
    orgs.mails("acme", 2)
    orgs.mails("beta", 2)
    first = orgs.claim(3)

    assert (sum(first.values()), sum(orgs.claim(3).values()), orgs.claim(3)) == (3, 1, {})


def test_announcements_are_shared_out_too(orgs: Orgs) -> None:
    orgs.mails("acme", 60)
    orgs.mails("gamma", 60)
    orgs.mails("beta", 1)
    orgs.finish_all()

    assert orgs.claim_owed(20)["beta"] == 1


def test_nothing_due_is_nothing_claimed(orgs: Orgs) -> None:
    assert (orgs.claim(20), orgs.claim_owed(20)) == ({}, {})


def test_messages_of_several_orgs_are_finished_together_each_for_its_own(orgs: Orgs) -> None:
    orgs.mails("acme", 2)
    orgs.mails("beta", 1)
    claims = orgs.bench.claim(limit=9, holder="h", lease_seconds=60, now=minutes(1))
    again = orgs.bench.claim(limit=1, holder="there", lease_seconds=60, now=minutes(3))

    counts = orgs.bench.finish([Extracted(claim, (part(), part("3"))) for claim in claims], minutes(3))

    still_ours = [claim for claim in claims if claim.message_id != again[0].message_id]
    assert counts == {claim.message_id: 2 for claim in still_ours}
    documents = rows(orgs.database, DOCUMENT)
    assert Counter((document.org_id, document.message_id) for document in documents) == {
        (claim.org_id, claim.message_id): 2 for claim in still_ours
    }
    assert {(owed.org_id, owed.document_id) for owed in rows(orgs.database, OUTBOX)} == {
        (document.org_id, document.id) for document in documents
    }


def test_what_was_told_to_several_orgs_is_struck_off_together(orgs: Orgs) -> None:
    orgs.mails("acme", 2)
    orgs.mails("beta", 1)
    orgs.finish_all()
    owed = orgs.outbox.claim(limit=9, holder="h", lease_seconds=60, now=minutes(10))
    first, *others = [Told(each, tuple(event.event_id for event in each.announcements)) for each in owed]

    ours = orgs.outbox.conclude([replace(first, told=()), *others], minutes(11))

    assert ours == {each.message_id for each in owed}
    assert {row.message_id for row in rows(orgs.database, WORK)} == {first.owed.message_id}
    told = {row.message_id for row in rows(orgs.database, OUTBOX) if row.announced_at == minutes(11)}
    assert told == {each.owed.message_id for each in others}


@pytest.mark.parametrize(
    "database_url", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)
def test_what_another_host_is_just_taking_is_passed_over_and_not_waited_for(orgs: Orgs) -> None:
    orgs.mails("acme", 3)
    orgs.mails("beta", 1)
    (first,) = orgs.bench.claim(limit=1, holder="there", lease_seconds=60, now=minutes(1))

    with orgs.database.write() as taking:
        taking.execute(update(WORK).where(WORK.c.message_id == first.message_id).values(holder="there"))
        claimed = orgs.claim(9, moment=5)  # its lease is over by now

    assert (claimed, orgs.claim(9, moment=5)) == ({"acme": 2, "beta": 1}, {"acme": 1})


def test_each_lease_has_a_token_of_its_own_and_tells_how_many_died_over_it(orgs: Orgs) -> None:
    orgs.mails("acme", 1)
    orgs.mails("beta", 2)
    orgs.claim(1, moment=1)

    claims = orgs.bench.claim(limit=9, holder="h", lease_seconds=60, now=minutes(5))

    assert sorted((claim.org, claim.token, claim.deaths) for claim in claims) == [
        ("acme", 2, 1),
        ("beta", 1, 0),
        ("beta", 1, 0),
    ]
