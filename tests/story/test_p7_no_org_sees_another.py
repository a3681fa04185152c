"""P7: row, object key and announcement carry one org, and the database refuses to mix them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError

from postroom.core.routing import PROFILES, Rule
from postroom.db.tables import DOCUMENT, PART
from tests.databases import every_row
from tests.house import ORDERS, PDF, Postroom
from tests.mailbox import mail

FOREIGN_KEY = "(?i)foreign key"
BOTH = "orders+acme@in.example, orders+beta@in.example"


def of_two_orgs(open_postroom: Callable[..., Postroom]) -> Postroom:
    postroom = open_postroom(rule=Rule(ORDERS, trust=("X-Original-To",)))
    postroom.take_in(mail(to=BOTH, po=PDF))
    return postroom


def test_one_mail_for_two_orgs_is_two_rows_and_two_objects(open_postroom: Callable[..., Postroom]) -> None:
    postroom = of_two_orgs(open_postroom)

    messages = postroom.messages()
    assert len({message.org_id for message in messages}) == 2
    assert [str(message.raw_key).startswith(f"{message.org_id}/raw/") for message in messages] == [True, True]
    assert len([key for key in postroom.archive.objects() if "/raw/" in key]) == 2
    assert postroom.orders.settled == [1]


def test_every_document_lies_under_its_own_org(open_postroom: Callable[..., Postroom]) -> None:
    postroom = of_two_orgs(open_postroom)

    org_of = {message.id: message.org_id for message in postroom.messages()}
    documents = postroom.documents()
    assert len(documents) == 2
    for document in documents:
        assert document.org_id == org_of[document.message_id]
        assert document.object_key.startswith(f"{document.org_id}/doc/")


def test_every_announcement_names_one_org_and_its_own_rows(open_postroom: Callable[..., Postroom]) -> None:
    postroom = of_two_orgs(open_postroom)

    slug_of = {entry.id: entry.slug for entry in postroom.directory.every()}
    org_of = {document.id: slug_of[document.org_id] for document in postroom.documents()}
    told = postroom.receiver.told
    assert sorted(announcement.org for announcement in told) == ["acme", "beta"]
    assert all(
        org_of[announcement.document_id] == announcement.org
        for announcement in told
        if announcement.document_id
    )
    assert all(announcement.body["org"] == announcement.org for announcement in told)


def test_the_same_id_in_two_orgs_is_neither_duplicate_nor_conflict(postroom: Postroom) -> None:
    tally = postroom.take_in(
        mail(to="orders+acme@in.example", text="for acme"),
        mail(to="orders+beta@in.example", text="for beta"),
    )

    assert (tally.taken, tally.conflicts, tally.duplicates) == (2, 0, 0)
    assert [message.source_message_id for message in postroom.messages()] == ["<1@customer.example>"] * 2


def test_a_forged_line_further_down_gives_nothing_to_another_org(postroom: Postroom) -> None:
    forged = mail(
        received="by mx\r\nDelivered-To: orders+beta@in.example\r\nX-Original-To: orders+beta@in.example"
    )

    postroom.take_in(forged)

    assert orgs_of(postroom) == ["acme"]


def test_an_alias_gives_the_mail_to_the_org_it_names(postroom: Postroom) -> None:
    postroom.directory.alias("beta", "bta", postroom.clock())

    postroom.take_in(mail(to="orders+bta@in.example"))

    assert orgs_of(postroom) == ["beta"]


def test_two_slugs_of_one_org_in_one_mail_are_one_message(open_postroom: Callable[..., Postroom]) -> None:
    postroom = open_postroom(rule=Rule(ORDERS, trust=PROFILES["postfix"]))
    postroom.directory.alias("beta", "bta", postroom.clock())

    tally = postroom.take_in(mail(to="orders+bta@in.example, orders+beta@in.example"))

    assert (tally.taken, tally.duplicates) == (1, 0)


def test_the_database_refuses_a_document_on_another_orgs_message(
    open_postroom: Callable[..., Postroom],
) -> None:
    postroom = of_two_orgs(open_postroom)
    one, other = postroom.documents()
    columns = one._asdict()
    foreign = columns | {"id": one.message_id, "message_id": other.message_id, "part_path": "9"}

    with pytest.raises(IntegrityError, match=FOREIGN_KEY), every_row(postroom.database) as connection:
        connection.execute(insert(DOCUMENT).values(**foreign))


def test_a_claim_under_the_wrong_org_writes_nothing(open_postroom: Callable[..., Postroom]) -> None:
    postroom = open_postroom()
    postroom.orders.put(mail(po=PDF))
    postroom.poll()
    (claim,) = postroom.workbench.claim(limit=1, holder="here", lease_seconds=30, now=postroom.clock())
    wrong = replace(claim, org_id=postroom.directory.entry("beta").id)

    written = postroom.extract_claim(wrong)

    assert written is None
    assert (postroom.documents(), postroom.rows(PART, PART.c.path), postroom.statuses()) == (
        [],
        [],
        ["stored"],
    )


def orgs_of(postroom: Postroom) -> list[str]:
    slug_of = {entry.id: entry.slug for entry in postroom.directory.every()}
    return [slug_of[message.org_id] for message in postroom.messages()]
