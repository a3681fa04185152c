"""What must hold between tables: names, aliases, and no mail taken twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from postroom.config import schema as s
from postroom.config.mail_values import SLUG_RULE, SOURCE_NAME, SOURCE_NAME_RULE
from postroom.config.notes import Notes
from postroom.config.reader import Table
from postroom.config.settings import Mailbox, MaildirFolder, Org
from postroom.config.sources import inbox_folded
from postroom.config.toml import written
from postroom.core.routing import is_slug

Orgs = Mapping[str, tuple[Table, Org]]
Mailboxes = Mapping[str, tuple[Table, Mailbox]]
Maildirs = Mapping[str, tuple[Table, MaildirFolder]]
T = TypeVar("T")


def check_all(orgs: Orgs, mailboxes: Mailboxes, maildirs: Maildirs, notes: Notes) -> None:
    """Note every fault that no table has by itself."""
    check_names(orgs, mailboxes, maildirs, notes)
    check_aliases(orgs)
    check_doubles(mailboxes, maildirs)


def check_names(orgs: Orgs, mailboxes: Mailboxes, maildirs: Maildirs, notes: Notes) -> None:
    """Note every table name that breaks its rule, and every source name that is there twice."""
    for name, (table, _) in orgs.items():
        if not is_slug(name):
            notes.fault(table.where, table.path, f"{written(name)} is no slug", SLUG_RULE)
    tables = [table for sources in (mailboxes, maildirs) for table, _ in sources.values()]
    seen: dict[str, Table] = {}
    for table in tables:
        if not SOURCE_NAME.fullmatch(table.name):
            notes.fault(table.where, table.path, f"{written(table.name)} is no source name", SOURCE_NAME_RULE)
        other = seen.setdefault(table.name.lower().replace("-", "_"), table)
        if other is not table:
            notes.fault(
                table.where, table.path, f"has the name of {other.path}", "a source's name is its own"
            )


def check_aliases(orgs: Orgs) -> None:
    """Note every alias that is a slug, or another org's alias."""
    owners: dict[str, str] = {}
    for slug, (table, org) in orgs.items():
        for alias in org.aliases:
            if alias in orgs:
                table.fault(s.ORG_ALIASES, f"{written(alias)} is the slug of an org itself")
            elif alias in owners:
                whose = "here twice" if owners[alias] == slug else f"an alias of {owners[alias]} too"
                table.fault(s.ORG_ALIASES, f"{written(alias)} is {whose}")
            owners.setdefault(alias, slug)


def check_doubles(mailboxes: Mailboxes, maildirs: Maildirs) -> None:
    """Note every folder that two sources would take mail from."""
    folders: dict[tuple[str, str, str], str] = {}
    for table, box in mailboxes.values():
        for folder in box.folders if table.sound else ():
            place = box.host.lower(), box.user, inbox_folded(folder)
            other = folders.setdefault(place, table.path)
            if other != table.path:
                table.fault(s.MAILBOX_HOST, f"{other} polls {written(folder)} of this user too")
    paths: dict[str, str] = {}
    for table, maildir in maildirs.values():
        other = paths.setdefault(str(maildir.path), table.path) if table.sound else table.path
        if other != table.path:
            table.fault(s.MAILDIR_PATH, f"{other} takes mail from the same folder")
