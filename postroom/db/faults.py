"""What a driver raises, told in our words: an outage, a damaged file, a refused login, a refused row."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DatabaseError, DataError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from postroom.errors import (
    DatabaseCorrupt,
    DatabaseLoginRefused,
    DatabaseRightsMissing,
    DatabaseUnavailable,
    PostroomError,
    RowRefused,
)

_DAMAGED = ("malformed", "not a database", "disk image", "file is encrypted")
# PostgreSQL's appendix A: invalid_authorization_specification and invalid_password; insufficient_privilege;
# classes of what a value can have wrong with it.
_LOGIN = ("28000", "28P01")
_RIGHTS = ("42501",)
_LOGIN_WORDS = ("password authentication failed", "no password supplied", "no pg_hba.conf entry")
_UNSTORABLE = ("22", "54")


@contextmanager
def translated() -> Iterator[None]:
    """Let every error of the driver leave the block as one of ours, but for a broken constraint."""
    try:
        yield
    except IntegrityError:
        raise  # a broken constraint is a bug or a race, and each caller knows which
    except PoolTimeoutError as error:
        raise DatabaseUnavailable("all connections to the database are in use") from error
    except (DBAPIError, sqlite3.Error) as error:
        raise told(error) from error


def told(error: DBAPIError | sqlite3.Error) -> PostroomError:
    """Return what a driver's error means to postroom."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    words = str(cause).strip()
    state = getattr(cause, "sqlstate", None) or ""
    if state in _LOGIN or any(sign in words for sign in _LOGIN_WORDS):
        return DatabaseLoginRefused(
            f"the database refuses the login: {words}", fix="see `db.url`, `db.password`"
        )
    if state in _RIGHTS:
        return DatabaseRightsMissing(f"the database refuses it: {words}", fix="postroom db grants ROLE")
    if state.startswith(_UNSTORABLE) or isinstance(error, DataError):
        return RowRefused(f"the database does not take a value: {words}")
    if isinstance(error, DatabaseError | sqlite3.Error) and any(sign in words for sign in _DAMAGED):
        fix = "move its file away and restore a backup of it"
        return DatabaseCorrupt(f"the database is damaged: {words}", fix=fix)
    return DatabaseUnavailable(f"the database does not work just now: {words}")
