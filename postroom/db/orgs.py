"""The orgs: those the config declares and those added by command."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, Select, bindparam, insert, select, update

from postroom.core.routing import is_slug
from postroom.db.copies import pieces
from postroom.db.dialect import wait_for_others
from postroom.db.engine import Database
from postroom.db.ids import new_id
from postroom.db.tables import ORG, ORG_ALIAS
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
        with self._database.read() as connection:
            for some in pieces(sorted(slugs)):
                found |= _resolved(connection, some)
        return found

    def add(self, slug: str, now: datetime, *, name: str = "", allow_from: Sequence[str] = ()) -> OrgEntry:
        """Make an org.  Raises UsageFault when the slug is malformed or taken."""
        with self._database.write() as connection:
            _require_free(connection, slug)
            _make(connection, slug, name, allow_from, now)
        return self.entry(slug)

    def alias(self, slug: str, alias: str, now: datetime) -> OrgEntry:
        """Give an org another slug.  Raises OrgUnknown, UsageFault."""
        with self._database.write() as connection:
            org = _require(connection, slug)
            _require_free(connection, alias)
            _name_too(connection, org.id, alias, now)
        return self.entry(slug)

    def suspend(self, slug: str, now: datetime, *, suspended: bool) -> OrgEntry:
        """Suspend an org, so that its mail is quarantined, or take it up again.  Raises OrgUnknown."""
        with self._database.write() as connection:
            its_own = ORG.c.id == _require(connection, slug).id
            connection.execute(update(ORG).where(its_own).values(suspended_at=now if suspended else None))
        return self.entry(slug)

    def declare(self, orgs: Iterable[OrgEntry], now: datetime) -> None:
        """Bring the orgs of the config into the table; those added by command stay.  May be repeated.

        Raises UsageFault when an alias belongs to another org already.
        """
        with self._database.read() as connection:
            there = {entry.slug: entry for entry in _entries(connection)}
        wanted = [org for org in orgs if _differs(org, there.get(org.slug))]
        if not wanted:
            return
        with self._database.write() as connection:
            wait_for_others(connection, _DECLARING)  # a host that starts with us declares the same
            for org in wanted:
                _declare(connection, org, now)

    def entry(self, slug: str) -> OrgEntry:
        """Return one org by slug or alias.  Raises OrgUnknown."""
        with self._database.read() as connection:
            return _entry(connection, _require(connection, slug))

    def every(self) -> list[OrgEntry]:
        """Return all orgs by slug."""
        with self._database.read() as connection:
            return _entries(connection)


def _resolved(connection: Connection, slugs: Sequence[str]) -> dict[str, Org]:
    ask = partial(connection.execute, parameters={"slugs": list(slugs)})
    return {row.asked: org_of(row) for row in [*ask(_aliased()), *ask(_named())]}


@cache
def _named() -> Select[Any]:
    """Return the query for orgs by slug; made once, for every batch needs it."""
    return select(ORG.c.slug.label("asked"), ORG).where(ORG.c.slug.in_(bindparam("slugs", expanding=True)))


@cache
def _aliased() -> Select[Any]:
    asked = ORG_ALIAS.c.slug.in_(bindparam("slugs", expanding=True))
    return select(ORG_ALIAS.c.slug.label("asked"), ORG).where(ORG.c.id == ORG_ALIAS.c.org_id, asked)


def org_of(row: Row[Any]) -> Org:
    """Return the org of a row that has the columns of ORG."""
    return Org(row.id, row.slug, tuple(row.allow_from), row.suspended_at is not None)


def _entries(connection: Connection) -> list[OrgEntry]:
    aliases = defaultdict[UUID, list[str]](list)
    for row in connection.execute(select(ORG_ALIAS).order_by(ORG_ALIAS.c.slug)):
        aliases[row.org_id].append(row.slug)
    orgs = connection.execute(select(ORG).order_by(ORG.c.slug))
    return [_shown(row, aliases.get(row.id, [])) for row in orgs]


def _entry(connection: Connection, row: Row[Any]) -> OrgEntry:
    aliases = select(ORG_ALIAS.c.slug).where(ORG_ALIAS.c.org_id == row.id).order_by(ORG_ALIAS.c.slug)
    return _shown(row, connection.scalars(aliases).all())


def _shown(row: Row[Any], aliases: Sequence[str]) -> OrgEntry:
    suspended = row.suspended_at is not None
    return OrgEntry(
        row.id, row.slug, row.name, tuple(aliases), tuple(row.allow_from), suspended, row.created_at
    )


def _find(connection: Connection, slug: str) -> Row[Any] | None:
    named = connection.execute(select(ORG).where(ORG.c.slug == slug)).one_or_none()
    if named is not None:
        return named
    aliased = select(ORG).join(ORG_ALIAS, ORG_ALIAS.c.org_id == ORG.c.id).where(ORG_ALIAS.c.slug == slug)
    return connection.execute(aliased).one_or_none()


def _require(connection: Connection, slug: str) -> Row[Any]:
    org = _find(connection, slug)
    if org is None:
        raise OrgUnknown(f'there is no org "{slug}"', fix=f"postroom org add {slug}" if is_slug(slug) else "")
    return org


def _require_free(connection: Connection, slug: str) -> None:
    if not is_slug(slug):
        raise UsageFault(f'"{slug}" is no slug', fix="lower-case letters, digits and hyphens, at most 63")
    taken = _find(connection, slug)
    if taken is not None:
        words = f'"{slug}" already names the org {taken.slug}'
        raise UsageFault(words, fix=f"postroom org show {taken.slug}")


def _differs(org: OrgEntry, there: OrgEntry | None) -> bool:
    same = there is not None and (org.name, org.allow_from) == (there.name, there.allow_from)
    return not (same and there is not None and set(org.aliases) <= set(there.aliases))


def _make(connection: Connection, slug: str, name: str, allow_from: Sequence[str], now: datetime) -> UUID:
    org_id = new_id()
    told = {"slug": slug, "name": name, "allow_from": list(allow_from), "created_at": now}
    connection.execute(insert(ORG), {"id": org_id, **told})
    return org_id


def _name_too(connection: Connection, org_id: UUID, alias: str, now: datetime) -> None:
    connection.execute(insert(ORG_ALIAS), {"slug": alias, "org_id": org_id, "created_at": now})


def _declare(connection: Connection, org: OrgEntry, now: datetime) -> None:
    row = _find(connection, org.slug)
    if row is not None and row.slug != org.slug:
        raise UsageFault(f'[org.{org.slug}]: "{org.slug}" is an alias of the org {row.slug}')
    if row is None:
        org_id = _make(connection, org.slug, org.name, org.allow_from, now)
    else:
        org_id = row.id
        told = {"name": org.name, "allow_from": list(org.allow_from)}
        connection.execute(update(ORG).where(ORG.c.id == org_id).values(told))
    for alias in org.aliases:
        holder = _find(connection, alias)
        if holder is None:
            _name_too(connection, org_id, alias, now)
        elif holder.id != org_id:
            raise UsageFault(f'[org.{org.slug}]: the alias "{alias}" already names the org {holder.slug}')
