"""Every outside thing that the settings name, tried step by step, for `postroom check --connect`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from postroom.app.archive import bucket_steps, open_store
from postroom.app.maildir_check import maildir_steps
from postroom.config.settings import Recipients, Settings
from postroom.db.engine import open_database
from postroom.db.orgs import SqlDirectory
from postroom.db.schema import HEAD, revision
from postroom.errors import FileFault, PinnedOrgMissing, PostroomError, SchemaMismatch
from postroom.fetcher.probe import Step, probe


@dataclass(frozen=True, slots=True)
class Trial:
    """One thing to be tried; its steps run as they are asked for, and the first that fails is the last."""

    title: str
    is_source: bool
    steps: Iterator[Step]


def trials(settings: Settings) -> Iterator[Trial]:
    """Yield each mailbox, each Maildir, the database and the archive.

    Nothing is changed or left behind: folders are opened by EXAMINE, a probe object is deleted again, and
    what is not there yet is not made, for `check` may be run by another user than the service.
    """
    for mailbox in settings.mailbox.values():
        title = f"mailbox {mailbox.name}: {mailbox.user} at {mailbox.host}:{mailbox.port}"
        yield Trial(title, is_source=True, steps=chain(probe(mailbox), _org(settings, mailbox.recipients)))
    for folder in settings.maildir.values():
        steps = chain(maildir_steps(folder), _org(settings, folder.recipients))
        yield Trial(f"Maildir {folder.name}: {folder.path}", is_source=True, steps=steps)
    database = database_file(settings)
    yield Trial(f"database: {database}", is_source=False, steps=_database(settings))
    if settings.storage.bucket is not None:
        yield Trial(f"archive: {settings.storage.url}", is_source=False, steps=_bucket(settings))
        return
    archive = Path(settings.storage.url.removeprefix("file://"))
    yield Trial(f"archive: {archive}", is_source=False, steps=_archive(settings, archive))


def database_file(settings: Settings) -> Path:
    """Return the file of the SQLite database."""
    return Path(settings.db.url.removeprefix("sqlite:///"))


def database_revision(settings: Settings) -> str | None:
    """Return the revision of the database, None where it has none or is not there; nothing is made.

    Raises FileFault, DatabaseUnavailable, DatabaseCorrupt.
    """
    if not _is_there(database_file(settings)):
        return None
    database = open_database(settings.db.url)
    try:
        return revision(database)
    finally:
        database.close()


def _org(settings: Settings, recipients: Recipients) -> Iterator[Step]:
    """Say whether the org that a source is pinned to is there, in the file or in the database."""
    slug = recipients.org
    if slug is None:
        return
    try:
        known = _knows_org(settings, slug)
    except PostroomError:
        yield Step("org", f'"{slug}" cannot be looked up: the database does not work, see below')
        return
    if known:
        yield Step("org", slug)
    else:
        error = PinnedOrgMissing(f'there is no org "{slug}"', fix=f"postroom org add {slug}")
        yield Step("org", str(error), error)


def _knows_org(settings: Settings, slug: str) -> bool:
    declared = settings.org.values()
    if any(slug == org.slug or slug in org.aliases for org in declared):
        return True
    if database_revision(settings) is None:
        return False
    database = open_database(settings.db.url)
    try:
        return slug in SqlDirectory(database).resolve([slug])
    finally:
        database.close()


def _database(settings: Settings) -> Iterator[Step]:
    try:
        words = _schema_words(settings)
    except PostroomError as error:
        yield Step("schema", str(error), error)
        return
    yield Step("schema", words)


def _schema_words(settings: Settings) -> str:
    file = database_file(settings)
    if not _is_there(file):
        _require_creatable(file, "db.url")
        return "not there yet; the first start makes it"
    found = database_revision(settings)
    if found is not None and found > HEAD:
        raise SchemaMismatch(
            f"revision {found} is newer than this postroom's {HEAD}", fix="install the newest postroom"
        )
    if not os.access(file, os.W_OK) or not os.access(file.parent, os.W_OK | os.X_OK):
        raise FileFault(f"cannot write {file}", fix="give this user write rights there")
    return f"revision {found}" if found == HEAD else f"revision {found or 'none'}; the next start upgrades it"


def _bucket(settings: Settings) -> Iterator[Step]:
    for name, take in bucket_steps(settings):
        try:
            words = take()
        except PostroomError as error:
            yield Step(name, str(error), error)
            return
        yield Step(name, words)


def _archive(settings: Settings, folder: Path) -> Iterator[Step]:
    try:
        if _is_there(folder):
            open_store(settings).probe()
            words = "an object was written, read back and deleted"
        else:
            _require_creatable(folder, "storage.url")
            words = "not there yet; the first mail makes it"
    except PostroomError as error:
        yield Step("probe", str(error), error)
        return
    yield Step("probe", words)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:
        raise FileFault(f"cannot look at {path}: {error.strerror}") from error


def _require_creatable(path: Path, key: str) -> None:
    """Return if `path`, which `key` names, could be made: a folder is made near it, and removed again.

    Raises FileFault.
    """
    nearest = next(folder for folder in path.parents if _is_there(folder))
    try:
        Path(tempfile.mkdtemp(prefix=".postroom-", dir=nearest)).rmdir()
    except OSError as error:
        raise FileFault(
            f"cannot make {path}: {error.strerror} ({nearest})",
            fix=f"correct `{key}` or `state_dir`, or give this user write rights there",
        ) from error
