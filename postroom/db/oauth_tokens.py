"""The token of one source, encrypted: replaced by who saw the one before, renewed by one host at a time."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import select, update

from postroom.core.sealed import SealedToken
from postroom.db.dialect import insert_missing
from postroom.db.engine import Database
from postroom.db.leases import SqlLeases
from postroom.db.machinery import OAUTH_TOKEN

_LEASE_SECONDS = 60.0


class SqlTokens:
    """The token store of one source on SQLAlchemy."""

    def __init__(self, database: Database, source_name: str, now: Callable[[], datetime]) -> None:
        self._database = database
        self._source_name = source_name
        self._now = now

    def find(self) -> SealedToken | None:
        """Return the source's token, None where it has none yet.  Raises DatabaseUnavailable."""
        mine = select(OAUTH_TOKEN).where(OAUTH_TOKEN.c.source_name == self._source_name)
        with self._database.read(source=self._source_name) as connection:
            row = connection.execute(mine).one_or_none()
        return SealedToken(row.sealed, row.expires_at, row.ends_at, row.generation) if row else None

    def replace(self, token: SealedToken) -> bool:
        """Put `token` in the place of the generation before it; return False where somebody was faster.

        It is durable when this returns True.  Raises DatabaseUnavailable.
        """
        values = {
            "source_name": self._source_name,
            "sealed": token.sealed,
            "expires_at": token.expires_at,
            "ends_at": token.ends_at,
            "generation": token.generation,
            "updated_at": self._now(),
        }
        before = (
            OAUTH_TOKEN.c.source_name == self._source_name,
            OAUTH_TOKEN.c.generation == token.generation - 1,
        )
        with self._database.write(source=self._source_name) as connection:
            if token.generation == 1:
                return insert_missing(connection, OAUTH_TOKEN, values)
            replacing = (
                update(OAUTH_TOKEN).where(*before).values(**values).returning(OAUTH_TOKEN.c.generation)
            )
            return connection.execute(replacing).first() is not None

    @contextmanager
    def renewing(self) -> Iterator[bool]:
        """Yield whether this process may renew the token now; False while another one does.

        Who dies over it keeps the others out for a minute at most.
        """
        leases, holder = SqlLeases(self._database), secrets.token_hex(8)
        name = f"oauth:{self._source_name}"
        fence = leases.acquire(name, holder=holder, seconds=_LEASE_SECONDS, now=self._now())
        try:
            yield fence is not None
        finally:
            if fence is not None:
                leases.release(fence)
