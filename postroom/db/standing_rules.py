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
from postroom.db.machinery import StandingRule
from postroom.db.models import OrgRow
from postroom.db.values import Org, Standing
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
        with self._database.write(org=NOBODY) as session:
            insert_missing(session, StandingRule, {**values, "quarantine_id": entry_id, "created_at": now})
            mine = (StandingRule.source_name == source, StandingRule.recipient == recipient)
            rule = session.scalars(select(StandingRule).where(*mine)).one()
            if rule.org_id != org_id:
                raise UsageFault(
                    f"rule {rule.id} gives that recipient's mail to another org already",
                    fix=f"postroom quarantine forget {rule.id}, and then assign again",
                )
            return rule.id

    def every(self) -> list[RuleEntry]:
        """Return all rules, the oldest first."""
        rules = select(StandingRule, OrgRow.slug).join(OrgRow, OrgRow.id == StandingRule.org_id)
        with self._database.read(org=NOBODY) as session:
            found = session.execute(rules.order_by(StandingRule.id)).all()
        return [
            RuleEntry(row.id, row.source_name, row.recipient, slug, row.quarantine_id, row.created_at)
            for row, slug in found
        ]

    def remove(self, rule_id: int) -> RuleEntry:
        """Remove a rule; what it gave to its org stays there.  Raises NotFound."""
        entry = next((each for each in self.every() if each.id == rule_id), None)
        if entry is None:
            raise NotFound(f"there is no rule {rule_id}", fix="postroom quarantine rules")
        with self._database.write(org=NOBODY) as session:
            session.execute(delete(StandingRule).where(StandingRule.id == rule_id))
        return entry

    def standing(self, source: str, recipients: Collection[str]) -> dict[str, Standing]:
        """Return what the rules of a source say of these recipients; a recipient without one is not in it."""
        found: dict[str, Standing] = {}
        rules = select(StandingRule, OrgRow).join(OrgRow, OrgRow.id == StandingRule.org_id)
        with self._database.read(source=source) as session:
            for piece in pieces(sorted(recipients)):
                mine = (StandingRule.source_name == source, StandingRule.recipient.in_(piece))
                for rule, org in session.execute(rules.where(*mine)):
                    of_rule = Org(org.id, org.slug, tuple(org.allow_from), org.suspended_at is not None)
                    found[rule.recipient] = Standing(rule.id, of_rule)
        return found
