"""Standing rules: which org gets a source's mail for one recipient, because a person said so for good."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, select

from postroom.db.copies import pieces
from postroom.db.dialect import insert_missing
from postroom.db.engine import Database
from postroom.db.ids import NOBODY
from postroom.db.machinery import STANDING_RULE
from postroom.db.orgs import org_of
from postroom.db.tables import ORG
from postroom.db.values import Standing
from postroom.errors import NotFound, UsageFault


@dataclass(frozen=True, slots=True)
class RuleEntry:
    """A rule as `quarantine rules` lists it; `entry_id` is the quarantine entry that it was made from."""

    id: int
    source: str
    recipient: str
    org: str
    entry_id: int
    created_at: datetime


class SqlStandingRules:
    """Makes, lists, removes and applies the rules; recipients are in lower case here."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, source: str, recipient: str, org_id: UUID, *, entry_id: int, now: datetime) -> int:
        """Make a rule, or find it made; return its number.  Raises UsageFault where another org has it."""
        values = {"source_name": source, "recipient": recipient, "org_id": org_id}
        with self._database.write(org=NOBODY) as connection:
            insert_missing(
                connection, STANDING_RULE, {**values, "quarantine_id": entry_id, "created_at": now}
            )
            mine = (STANDING_RULE.c.source_name == source, STANDING_RULE.c.recipient == recipient)
            rule = connection.execute(select(STANDING_RULE).where(*mine)).one()
            if rule.org_id != org_id:
                raise UsageFault(
                    f"rule {rule.id} gives that recipient's mail to another org already",
                    fix=f"postroom quarantine forget {rule.id}, and then assign again",
                )
            return int(rule.id)

    def every(self) -> list[RuleEntry]:
        """Return all rules, the oldest first."""
        rules = select(STANDING_RULE, ORG.c.slug).join(ORG, ORG.c.id == STANDING_RULE.c.org_id)
        with self._database.read(org=NOBODY) as connection:
            found = connection.execute(rules.order_by(STANDING_RULE.c.id)).all()
        return [
            RuleEntry(row.id, row.source_name, row.recipient, row.slug, row.quarantine_id, row.created_at)
            for row in found
        ]

    def remove(self, rule_id: int) -> RuleEntry:
        """Remove a rule; what it gave to its org stays there.  Raises NotFound."""
        entry = next((each for each in self.every() if each.id == rule_id), None)
        if entry is None:
            raise NotFound(f"there is no rule {rule_id}", fix="postroom quarantine rules")
        with self._database.write(org=NOBODY) as connection:
            connection.execute(delete(STANDING_RULE).where(STANDING_RULE.c.id == rule_id))
        return entry

    def standing(self, source: str, recipients: Collection[str]) -> dict[str, Standing]:
        """Return what the rules of a source say of these recipients; a recipient without one is not in it."""
        found: dict[str, Standing] = {}
        columns = (STANDING_RULE.c.id.label("rule_id"), STANDING_RULE.c.recipient, *ORG.c)
        rules = select(*columns).join(ORG, ORG.c.id == STANDING_RULE.c.org_id)
        with self._database.read(source=source) as connection:
            for piece in pieces(sorted(recipients)):
                mine = (STANDING_RULE.c.source_name == source, STANDING_RULE.c.recipient.in_(piece))
                for row in connection.execute(rules.where(*mine)):
                    found[row.recipient] = Standing(row.rule_id, org_of(row))
        return found
