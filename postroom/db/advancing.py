"""The only writer of a message's status, always by compare-and-set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Select, Update, bindparam, select, update

from postroom.core.lifecycle import Status, check
from postroom.db.tables import INBOUND_MESSAGE

RowId = tuple[UUID, UUID]
"""The key of a message's row: its org and its id."""


def message_of(row: RowId) -> Select[Any]:
    """Return the query for a message's row, all its columns; the transaction acts for its org."""
    org_id, row_id = row
    mine = (INBOUND_MESSAGE.c.org_id == org_id, INBOUND_MESSAGE.c.id == row_id)
    return select(INBOUND_MESSAGE).where(*mine)


def advance(connection: Connection, row: RowId, old: Status, new: Status, **facts: Any) -> bool:
    """Move one row from `old` to `new` with the facts that go with it; False if another worker was first.

    The connection acts for the row's org.  Raises IllegalTransition.  The caller commits.
    """
    check(old, new)
    return compare_and_set(connection, row, old, {"status": new, **facts})


def advance_all(
    connection: Connection, org_id: UUID, old: Status, new: Status, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Move rows of one org from `old` to `new`, each with its facts; they all name the same, and their id.

    Whoever calls holds the rows and saw them in `old`.  The connection acts for the org.  Raises
    IllegalTransition.
    """
    check(old, new)
    names = tuple(name for name in rows[0] if name != "id")
    step = {"row_org": org_id, "old_status": old, "new_status": new}
    values = [{**step, "row_id": row["id"], **{f"new_{name}": row[name] for name in names}} for row in rows]
    connection.execute(_advancing(names), values)


@cache
def _advancing(names: tuple[str, ...]) -> Update:
    """Return the statement that moves a row and sets `names`; made once, for making it costs the most."""
    message = INBOUND_MESSAGE.c
    mine = (message.org_id == bindparam("row_org"), message.id == bindparam("row_id"))
    facts: dict[str, Any] = {name: bindparam(f"new_{name}") for name in ("status", *names)}
    return update(INBOUND_MESSAGE).where(*mine, message.status == bindparam("old_status")).values(**facts)


def compare_and_set(connection: Connection, row: RowId, old: Status, facts: Mapping[str, Any]) -> bool:
    """Change a row that is in `old`; False if it is not.  Whether it may go on to its status was checked."""
    org_id, row_id = row
    moved = connection.execute(
        update(INBOUND_MESSAGE)
        .where(
            INBOUND_MESSAGE.c.org_id == org_id,
            INBOUND_MESSAGE.c.id == row_id,
            INBOUND_MESSAGE.c.status == old,
        )
        .values(**facts)
        .returning(INBOUND_MESSAGE.c.id)
    )
    return moved.scalar_one_or_none() is not None
