"""The orgs: those the config declares and those added by command."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Row, Select, Table, bindparam, select
from sqlalchemy.orm import Session

from postroom.core.routing import is_slug
from postroom.db.copies import pieces
from postroom.db.dialect import wait_for_others
from postroom.db.engine import Database
from postroom.db.ids import new_id
from postroom.db.models import OrgAlias, OrgRow
from postroom.db.values import Org
from postroom.errors import OrgUnknown, UsageFault

_DECLARING = 0x6465636C617265  # the advisory lock of a declaration: "declare" in hexadecimal


@dataclass(frozen=True, slots=True)
class OrgEntry:
    """An org as `org list` shows it."""

    id: UUID
    slug: str
    name: str
    aliases: tuple[str, ...]
    allow_from: tuple[str, ...]
    suspended: bool
    created_at: datetime


class SqlDirectory:
    """The directory protocol on SQLAlchemy, and what the `org` commands need."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def resolve(self, slugs: Collection[str]) -> dict[str, Org]:
        found: dict[str, Org] = {}
        with self._database.read() as session:
            for some in pieces(sorted(slugs)):
                found |= _resolved(session, some)
        return found

    def add(self, slug: str, now: datetime, *, name: str = "", allow_from: Sequence[str] = ()) -> OrgEntry:
        """Make an org.  Raises UsageFault when the slug is malformed or taken."""
        with self._database.write() as session:
            _require_free(session, slug)
            session.add(
                OrgRow(id=new_id(), slug=slug, name=name, allow_from=list(allow_from), created_at=now)
            )
        return self.entry(slug)

    def alias(self, slug: str, alias: str, now: datetime) -> OrgEntry:
        """Give an org another slug.  Raises OrgUnknown, UsageFault."""
        with self._database.write() as session:
            org = _require(session, slug)
            _require_free(session, alias)
            session.add(OrgAlias(slug=alias, org_id=org.id, created_at=now))
        return self.entry(slug)

    def suspend(self, slug: str, now: datetime, *, suspended: bool) -> OrgEntry:
        """Suspend an org, so that its mail is quarantined, or take it up again.  Raises OrgUnknown."""
        with self._database.write() as session:
            _require(session, slug).suspended_at = now if suspended else None
        return self.entry(slug)

    def declare(self, orgs: Iterable[OrgEntry], now: datetime) -> None:
        """Bring the orgs of the config into the table; those added by command stay.  May be repeated.

        Raises UsageFault when an alias belongs to another org already.
        """
        with self._database.read() as session:
            there = {entry.slug: entry for entry in _entries(session)}
        wanted = [org for org in orgs if _differs(org, there.get(org.slug))]
        if not wanted:
            return
        with self._database.write() as session:
            wait_for_others(session.connection(), _DECLARING)  # a host that starts with us declares the same
            for org in wanted:
                _declare(session, org, now)

    def entry(self, slug: str) -> OrgEntry:
        """Return one org by slug or alias.  Raises OrgUnknown."""
        with self._database.read() as session:
            return _entry(session, _require(session, slug))

    def every(self) -> list[OrgEntry]:
        """Return all orgs by slug."""
        with self._database.read() as session:
            return _entries(session)


def slugs_of(session: Session, org_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return the slugs of orgs that are there."""
    rows = session.connection().execute(_slugs(), {"orgs": list(org_ids)}).all() if org_ids else []
    return {row.id: row.slug for row in rows}


@cache
def _slugs() -> Select[Any]:
    org = cast("Table", OrgRow.__table__).c
    return select(org.id, org.slug).where(org.id.in_(bindparam("orgs", expanding=True)))


def _resolved(session: Session, slugs: Sequence[str]) -> dict[str, Org]:
    ask = partial(session.connection().execute, parameters={"slugs": list(slugs)})
    return {row.asked: _org(row) for row in [*ask(_aliased()), *ask(_named())]}


@cache
def _named() -> Select[Any]:
    """Return the query for orgs by slug; made once, and past the mapper, for every batch needs it."""
    org = cast("Table", OrgRow.__table__)
    return select(org.c.slug.label("asked"), org).where(org.c.slug.in_(bindparam("slugs", expanding=True)))


@cache
def _aliased() -> Select[Any]:
    org, alias = cast("Table", OrgRow.__table__), cast("Table", OrgAlias.__table__)
    asked = alias.c.slug.in_(bindparam("slugs", expanding=True))
    return select(alias.c.slug.label("asked"), org).where(org.c.id == alias.c.org_id, asked)


def _org(row: Row[Any]) -> Org:
    return Org(row.id, row.slug, tuple(row.allow_from), row.suspended_at is not None)


def _entries(session: Session) -> list[OrgEntry]:
    aliases = defaultdict[UUID, list[str]](list)
    for row in session.scalars(select(OrgAlias).order_by(OrgAlias.slug)):
        aliases[row.org_id].append(row.slug)
    orgs = session.scalars(select(OrgRow).order_by(OrgRow.slug))
    return [_shown(row, aliases.get(row.id, [])) for row in orgs]


def _entry(session: Session, row: OrgRow) -> OrgEntry:
    aliases = select(OrgAlias.slug).where(OrgAlias.org_id == row.id).order_by(OrgAlias.slug)
    return _shown(row, session.scalars(aliases).all())


def _shown(row: OrgRow, aliases: Sequence[str]) -> OrgEntry:
    suspended = row.suspended_at is not None
    return OrgEntry(
        row.id, row.slug, row.name, tuple(aliases), tuple(row.allow_from), suspended, row.created_at
    )


def _find(session: Session, slug: str) -> OrgRow | None:
    named = session.scalars(select(OrgRow).where(OrgRow.slug == slug)).one_or_none()
    if named is not None:
        return named
    aliased = select(OrgRow).join(OrgAlias, OrgAlias.org_id == OrgRow.id).where(OrgAlias.slug == slug)
    return session.scalars(aliased).one_or_none()


def _require(session: Session, slug: str) -> OrgRow:
    org = _find(session, slug)
    if org is None:
        raise OrgUnknown(f'there is no org "{slug}"', fix=f"postroom org add {slug}" if is_slug(slug) else "")
    return org


def _require_free(session: Session, slug: str) -> None:
    if not is_slug(slug):
        raise UsageFault(f'"{slug}" is no slug', fix="lower-case letters, digits and hyphens, at most 63")
    taken = _find(session, slug)
    if taken is not None:
        words = f'"{slug}" already names the org {taken.slug}'
        raise UsageFault(words, fix=f"postroom org show {taken.slug}")


def _differs(org: OrgEntry, there: OrgEntry | None) -> bool:
    same = there is not None and (org.name, org.allow_from) == (there.name, there.allow_from)
    return not (same and there is not None and set(org.aliases) <= set(there.aliases))


def _declare(session: Session, org: OrgEntry, now: datetime) -> None:
    row = _find(session, org.slug)
    if row is None:
        row = OrgRow(id=new_id(), slug=org.slug, name=org.name, created_at=now)
        session.add(row)
    elif row.slug != org.slug:
        raise UsageFault(f'[org.{org.slug}]: "{org.slug}" is an alias of the org {row.slug}')
    row.name, row.allow_from = org.name, list(org.allow_from)
    session.flush()
    for alias in org.aliases:
        holder = _find(session, alias)
        if holder is None:
            session.add(OrgAlias(slug=alias, org_id=row.id, created_at=now))
            session.flush()
        elif holder.id != row.id:
            raise UsageFault(f'[org.{org.slug}]: the alias "{alias}" already names the org {holder.slug}')
