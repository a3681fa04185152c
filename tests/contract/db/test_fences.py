"""P7 in the database: for every table and verb, what another org has and what nobody has look the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, Select, select

from postroom.db import reading_status
from postroom.db.engine import Database
from postroom.db.ids import NOBODY, new_id
from postroom.db.inbox import SqlInbox
from postroom.db.machinery import QUARANTINE, WORK
from postroom.db.orgs import OrgEntry, SqlDirectory
from postroom.db.reading_documents import documents, documents_named
from postroom.db.reading_messages import MessageFilter, MessageView, messages, messages_named
from postroom.db.scopes import Unfenced, acting_for, acting_for_each
from postroom.db.story import story
from postroom.db.tables import INBOUND_MESSAGE
from postroom.db.values import EMAIL, Key
from tests.contract.db.databases import MORNING, Orders, rows
from tests.contract.db.fencing import (
    TABLES,
    UNBOUND,
    TwoOrgs,
    answer,
    nowhere,
    only,
    quarantined_for,
    source_sees,
    touch,
    verbs,
)


@pytest.mark.parametrize("name", TABLES)
def test_an_org_is_told_the_same_of_what_another_has_and_of_what_nobody_has(two: TwoOrgs, name: str) -> None:
    there, tries = two.of_acme[name], verbs(TABLES[name], two.beta)

    of_another = {verb: answer(two.database, two.beta, act(there)) for verb, act in tries.items()}
    of_nobody = {verb: answer(two.database, two.beta, act(nowhere(there))) for verb, act in tries.items()}

    assert list(tries) == ["select", "update", "delete", "insert", "insert for another"]
    assert of_another == of_nobody
    assert only(two.database, name) == there


@pytest.mark.parametrize("name", TABLES)
def test_an_org_finds_what_is_its_own(two: TwoOrgs, name: str) -> None:
    find = verbs(TABLES[name], two.acme)["select"](two.of_acme[name])

    assert answer(two.database, two.acme, find).startswith("[(UUID(")


# --- statements that forget the org --------------------------------------------------------------


@pytest.mark.parametrize("name", TABLES)
def test_a_statement_that_binds_no_org_touches_no_row(two: TwoOrgs, name: str) -> None:
    tries = [(org, words.format(name)) for org in (None, two.beta) for words in UNBOUND]

    touched = [answer(two.database, org, partial(touch, statement=words)) for org, words in tries]

    assert touched == ["0" if two.database.is_shared else "Unfenced"] * 6
    assert only(two.database, name) == two.of_acme[name]


def test_one_transaction_can_act_for_two_orgs_in_turn_and_never_for_both(two: TwoOrgs) -> None:
    for_acme = select(INBOUND_MESSAGE.c.id).where(INBOUND_MESSAGE.c.org_id == two.acme)
    with two.database.read(org=two.beta) as connection:
        with acting_for(connection, two.acme):
            meanwhile = connection.scalars(for_acme).all()

        assert meanwhile == [two.of_acme["inbound_message"]["id"]]
        if two.database.is_shared:
            assert connection.scalars(for_acme).all() == []
        else:
            with pytest.raises(Unfenced):
                connection.scalars(for_acme).all()


def test_one_transaction_can_act_for_one_org_after_the_other_and_for_none_of_them_afterwards(
    two: TwoOrgs,
) -> None:
    of = {
        org: select(INBOUND_MESSAGE.c.id).where(INBOUND_MESSAGE.c.org_id == org)
        for org in (two.acme, two.beta)
    }
    with two.database.read() as connection:
        with acting_for_each(connection) as act_for:
            act_for(two.beta)
            act_for(two.acme)
            mine = connection.scalars(of[two.acme]).all()
            assert_hidden(two, connection, of[two.beta])

        assert mine == [two.of_acme["inbound_message"]["id"]]
        assert_hidden(two, connection, of[two.acme])


def assert_hidden(two: TwoOrgs, connection: Connection, query: Select[Any]) -> None:
    if two.database.is_shared:
        assert connection.scalars(query).all() == []
    else:
        with pytest.raises(Unfenced):
            connection.scalars(query).all()


def test_a_scope_ends_with_its_transaction(two: TwoOrgs) -> None:
    with two.database.read(org=two.acme):
        pass

    for_acme = select(INBOUND_MESSAGE).where(INBOUND_MESSAGE.c.org_id == two.acme)
    assert answer(two.database, None, lambda connection: connection.scalars(for_acme).all()) in (
        "[]",
        "Unfenced",
    )


# --- the machinery's own view --------------------------------------------------------------------


def test_a_source_sees_what_it_saw_for_any_org_and_nothing_of_another_source(two: TwoOrgs) -> None:
    seen = {source: source_sees(two.database, source) for source in ("orders", "invoices")}

    assert seen == {"orders": [two.acme], "invoices": []}


def test_the_quarantine_is_for_operators_and_for_the_org_that_a_mail_was_given_to(
    orders: Orders, held: int
) -> None:
    beta = SqlDirectory(orders.database).add("beta", MORNING).id

    seen = {org: quarantined_for(orders.database, org) for org in (NOBODY, orders.acme, beta)}

    assert seen == {NOBODY: [held], orders.acme: [held], beta: []}


@pytest.mark.parametrize("verb", ["UPDATE quarantine SET subject = 'x'", "DELETE FROM quarantine"])
def test_no_org_changes_the_quarantine(orders: Orders, held: int, verb: str) -> None:
    statement = f"{verb} WHERE quarantine.assigned_org_id = '{orders.acme}'"

    told = answer(orders.database, orders.acme, lambda connection: touch(connection, statement))

    assert told in ("0", "Unfenced")
    assert [(row.id, row.subject) for row in rows(orders.database, QUARANTINE)] == [(held, "secret")]


def test_the_table_of_all_orgs_holds_ids_times_and_counts_only() -> None:
    assert sorted(WORK.columns.keys()) == [
        "deaths",
        "due_at",
        "holder",
        "leased_until",
        "message_id",
        "org_id",
        "state",
        "token",
    ]


# --- what a person asks --------------------------------------------------------------------------

QUESTIONS: dict[str, Callable[[Database, OrgEntry, dict[str, Any]], object]] = {
    "messages": lambda database, org, _: list(messages(database, [org], MessageFilter())),
    "messages of a source": lambda database, org, _: list(
        messages(database, [org], MessageFilter(source_name="orders"))
    ),
    "a message by its id": lambda database, org, ids: messages_named(database, org, str(ids["message_id"])),
    "a message by its Message-ID": lambda database, org, ids: messages_named(database, org, ids["name"]),
    "documents": lambda database, org, _: list(documents(database, [org])),
    "a document by its id": lambda database, org, ids: documents_named(
        database, org, str(ids["document_id"])
    ),
    "failures": lambda database, org, _: reading_status.failures(database, [org]),
    "counts": lambda database, org, _: reading_status.counts_of(database, org),
    "the keys that are there": lambda database, org, ids: SqlInbox(database).find(
        [Key(org.id, EMAIL, ids["name"])]
    ),
    "the story of a message": lambda database, org, ids: story(database, org, pretended(ids["message_id"])),
}


def pretended(message_id: UUID) -> MessageView:
    """Return a message that claims to be the org's own."""
    facts: dict[str, Any] = dict.fromkeys(MessageView.__slots__)
    return MessageView(**facts | {"id": message_id, "source_message_id": "<1@x>", "conflict": True})


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_question_tells_an_org_what_another_has(fresh_two: TwoOrgs, orders: Orders, question: str) -> None:
    two = fresh_two
    orders.commit("<2@x>")
    orders.bench.attempt_failed(orders.claim()[0], {"code": "E-BUG"}, MORNING, retry_at=None)
    ask, beta = QUESTIONS[question], SqlDirectory(two.database).entry("beta")
    there = {"message_id": two.of_acme["part"]["message_id"], "name": "<1@x>"}
    there |= {"document_id": two.of_acme["document"]["id"]}
    nowhere_at_all = {"message_id": new_id(), "document_id": new_id(), "name": "<nowhere@x>"}

    about_another, about_nothing = ask(two.database, beta, there), ask(two.database, beta, nowhere_at_all)

    assert unnamed(about_another) == unnamed(about_nothing)
    assert unnamed(ask(two.database, SqlDirectory(two.database).entry("acme"), there)) != unnamed(
        about_nothing
    )


def unnamed(told: object) -> str:
    """Return an answer without the id that was asked for, which it may repeat."""
    return re.sub(r"UUID\('[0-9a-f-]{36}'\)", "UUID", repr(told))
