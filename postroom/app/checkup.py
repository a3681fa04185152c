"""Every outside thing that the settings name, tried step by step, for `postroom check --connect`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from postroom.app.archive import bucket_steps, open_store
from postroom.app.database import database_name, is_there, knows_org, require_creatable, try_database
from postroom.app.maildir_check import maildir_steps
from postroom.app.tokens import keeper_of
from postroom.config.settings import Mailbox, Recipients, Settings
from postroom.core.routing import address_pattern
from postroom.errors import PinnedOrgMissing, PostroomError
from postroom.fetcher.probe import probe
from postroom.fetcher.step import Step


@dataclass(frozen=True, slots=True)
class Trial:
    """One thing to be tried; its steps run as they are asked for, and the first that fails is the last.

    `mailbox` is its settings where it is one.
    """

    title: str
    kind: str
    steps: Iterator[Step]
    mailbox: Mailbox | None = None

    @property
    def is_source(self) -> bool:
        """Return whether mail comes from it."""
        return self.kind in {"imap", "maildir"}


def trials(settings: Settings) -> Iterator[Trial]:
    """Yield each mailbox, each Maildir, the database and the archive.

    Nothing is changed or left behind: folders are opened by EXAMINE, a probe object is deleted again, and
    what is not there yet is not made, for `check` may be run by another user than the service.
    """
    for mailbox in settings.mailbox.values():
        title = f"mailbox {mailbox.name}: {mailbox.user} at {mailbox.host}:{mailbox.port}"
        yield Trial(title, "imap", mailbox_steps(settings, mailbox), mailbox)
    for folder in settings.maildir.values():
        steps = chain(maildir_steps(folder), _org(settings, folder.recipients))
        yield Trial(f"Maildir {folder.name}: {folder.path}", "maildir", steps)
    database = f"database: {database_name(settings)}"
    yield Trial(database, "database", try_database(settings))
    if settings.storage.bucket is not None:
        yield Trial(f"archive: {settings.storage.url}", "archive", _bucket(settings))
        return
    archive = Path(settings.storage.url.removeprefix("file://"))
    yield Trial(f"archive: {archive}", "archive", _archive(settings, archive))


def mailbox_steps(settings: Settings, mailbox: Mailbox) -> Iterator[Step]:
    """Go into a mailbox; a token that is due is renewed, and the new one kept, as a poll would."""
    try:
        with keeper_of(settings, mailbox) as bearer:
            yield from probe(mailbox, bearer, address=address_pattern(settings.orgs.address))
    except PostroomError as error:
        yield Step("token", str(error), error)
    yield from _org(settings, mailbox.recipients)


def _org(settings: Settings, recipients: Recipients) -> Iterator[Step]:
    """Say whether the org that a source is pinned to is there, in the file or in the database."""
    slug = recipients.org
    if slug is None:
        return
    try:
        known = knows_org(settings, slug)
    except PostroomError:
        yield Step("org", f'"{slug}" cannot be looked up: the database does not work, see below')
        return
    if known:
        yield Step("org", slug)
    else:
        error = PinnedOrgMissing(f'there is no org "{slug}"', fix=f"postroom org add {slug}")
        yield Step("org", str(error), error)


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
        if is_there(folder):
            open_store(settings).probe()
            words = "an object was written, read back and deleted"
        else:
            require_creatable(folder, "storage.url")
            words = "not there yet; the first mail makes it"
    except PostroomError as error:
        yield Step("probe", str(error), error)
        return
    yield Step("probe", words)
