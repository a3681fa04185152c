"""What `status` says of each source: when it was tried, how that went, and up to when its mail was taken."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Boolean, Update, bindparam, case, func, select, update

from postroom.db.dialect import insert_missing
from postroom.db.engine import Database
from postroom.db.machinery import SOURCE_STATE
from postroom.db.values import Failed, Reached

_MOMENT: Final = SOURCE_STATE.c.last_attempt_at.type
_OF_SOURCE: Final = select(SOURCE_STATE).where(SOURCE_STATE.c.source_name == bindparam("source"))
# Built once: every poll writes it, also where nothing came.
_TRIED: Final = (
    update(SOURCE_STATE)
    .where(SOURCE_STATE.c.source_name == bindparam("source"))
    .values(kind=bindparam("is_a"), last_attempt_at=bindparam("now"), is_behind=bindparam("behind"))
)
_POLLED: Final = _TRIED.values(
    last_success_at=func.coalesce(bindparam("well_at", type_=_MOMENT), SOURCE_STATE.c.last_success_at),
    taken_until=func.coalesce(bindparam("until", type_=_MOMENT), SOURCE_STATE.c.taken_until),
    failures=case((bindparam("failed", type_=Boolean), SOURCE_STATE.c.failures + 1), else_=0),
    error_json=bindparam("error"),
)


class SqlSourceBook:
    """The source book protocol on SQLAlchemy; what a power cut takes of it, the next poll writes again."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def failures(self, name: str) -> int:
        with self._database.read() as connection:
            state = connection.execute(_OF_SOURCE, {"source": name}).first()
            return state.failures if state else 0

    def last_failure(self, name: str) -> Failed | None:
        with self._database.read() as connection:
            state = connection.execute(_OF_SOURCE, {"source": name}).first()
            if state is None or not state.error_json:
                return None
            code, message = (str(state.error_json.get(key, "")) for key in ("code", "message"))
            return Failed(code, message, state.failures, state.last_attempt_at)

    def last_attempts(self) -> Mapping[str, datetime]:
        with self._database.read() as connection:
            states = connection.execute(select(SOURCE_STATE.c.source_name, SOURCE_STATE.c.last_attempt_at))
        return dict(states.all())

    def attempted(self, name: str, kind: str, now: datetime) -> None:
        self._write(_TRIED, {"source": name, "is_a": kind, "now": now, "behind": True})

    def polled(
        self,
        name: str,
        kind: str,
        now: datetime,
        *,
        error: Mapping[str, Any] | None,
        reached: Reached | None = None,
    ) -> None:
        came = reached or Reached(None if error else now, is_behind=bool(error))
        told = {"source": name, "is_a": kind, "now": now, "behind": came.is_behind, "until": came.until}
        ended = {
            "failed": error is not None,
            "error": dict(error) if error else None,
            "well_at": None if error else now,
        }
        self._write(_POLLED, told | ended)

    def _write(self, statement: Update, told: Mapping[str, Any]) -> None:
        with self._database.write(lasts=False) as connection:
            if connection.execute(statement, told).rowcount:
                return
            insert_missing(connection, SOURCE_STATE, _first(told["source"], told["is_a"], told["now"]))
            connection.execute(statement, told)


def _first(name: str, kind: str, now: datetime) -> dict[str, Any]:
    """Return the row of a source at its first look: its lag begins there, for what came before is unknown."""
    return {"source_name": name, "kind": kind, "last_attempt_at": now, "failures": 0, "taken_until": now}
