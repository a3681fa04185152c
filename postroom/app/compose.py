"""Settings become an opened postroom: the only place that chooses the database."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog

from postroom.app.archive import open_store, spool_of
from postroom.app.database import connected
from postroom.config.settings import Settings
from postroom.db.clock import DatabaseClock
from postroom.db.engine import Database
from postroom.db.fences import require_fences
from postroom.db.ids import NOBODY
from postroom.db.inbox import SqlInbox
from postroom.db.leases import SqlLeases
from postroom.db.orgs import OrgEntry, SqlDirectory
from postroom.db.quarantine import SqlQuarantine
from postroom.db.schema import upgrade
from postroom.errors import FileFault, ObjectMissing, StoreUnavailable
from postroom.jobs.lock import holder_of
from postroom.storage.store import ObjectStore

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.start")

_NOTHING = "_probe/nothing-lies-here"


@dataclass(frozen=True, slots=True)
class App:
    """An opened postroom: the database at its newest schema, the config's orgs declared.

    What enters `until_closed` is closed before the database is.
    """

    settings: Settings
    database: Database
    directory: SqlDirectory
    quarantine: SqlQuarantine
    inbox: SqlInbox
    store: ObjectStore
    until_closed: ExitStack
    clock: Callable[[], datetime]

    def now(self) -> datetime:
        """Return the time now, aware, in UTC, as all hosts have it that share the database."""
        return self.clock()

    def take_over(self) -> None:
        """Clear the leases, spool and drafts of a dead predecessor; the caller holds the state_dir lock.

        An archive that is away holds up no start: its drafts wait for the next one.  Where hosts share the
        database, only what this one left is cleared, and no draft: it may be one that another host writes.
        """
        for leftover in _deepest_first(self.spool):
            leftover.rmdir() if leftover.is_dir() else leftover.unlink(missing_ok=True)
        leases = SqlLeases(self.database)
        if self.database.is_shared:
            leases.void(holder_of(self.settings.state_dir))
            return
        leases.void_all()
        try:
            self.store.tidy()
        except StoreUnavailable as error:
            _log.warning("drafts not cleared", error=str(error), code=error.code)

    def report_archive(self) -> None:
        """Log what keeps the archive from being read, if something does: until it is mended, mails wait.

        It is asked for an object that is not there; a folder that the first mail makes is fine.
        """
        try:
            self.store.get(_NOTHING, "")
        except ObjectMissing:
            return
        except StoreUnavailable as error:
            if not isinstance(error.__cause__, FileNotFoundError):
                _log.error("archive away", error=str(error), code=error.code, fix=error.fix)

    @property
    def spool(self) -> Path:
        """Return the folder for bodies on their way from a mailbox into the archive."""
        return spool_of(self.settings)


@contextmanager
def open_app(settings: Settings) -> Iterator[App]:
    """Yield an opened postroom and close it again.

    Raises FileFault, DatabaseUnavailable, DatabaseCorrupt, DatabaseRoleUnfit, DatabaseUnfenced,
    SchemaMismatch, UsageFault.
    """
    make_state_dir(settings.state_dir)
    with connected(settings) as database, ExitStack() as until_closed:
        upgrade(database)
        require_fences(database)
        directory, clock = SqlDirectory(database), DatabaseClock(database)
        directory.declare(_declared(settings, clock()), clock())
        yield App(
            settings=settings,
            database=database,
            directory=directory,
            quarantine=SqlQuarantine(database),
            inbox=SqlInbox(database),
            store=open_store(settings),
            until_closed=until_closed,
            clock=clock,
        )


def make_state_dir(state_dir: Path) -> None:
    """Make the state_dir for this user alone.  Raises FileFault."""
    try:
        state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not os.access(state_dir, os.W_OK | os.X_OK):
            raise PermissionError(13, "no write rights")
    except OSError as error:
        raise FileFault(
            f"cannot use the state_dir {state_dir}: {error.strerror}",
            fix="set state_dir, or give this user write rights there",
        ) from error


def _declared(settings: Settings, now: datetime) -> list[OrgEntry]:
    return [  # the table gives a new org its id
        OrgEntry(NOBODY, org.slug, org.name, org.aliases, org.allow_from, suspended=False, created_at=now)
        for org in settings.org.values()
    ]


def _deepest_first(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*"), reverse=True)
