"""A configured source becomes a kit: how it is opened, routed, remembered and polled."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from postroom.app.compose import App
from postroom.app.tokens import keeper_for
from postroom.config.settings import Mailbox, MaildirFolder, Recipients, Settings, Unknown, Zone
from postroom.core.deadline import NEVER, Deadline
from postroom.core.routing import Rule, address_pattern
from postroom.db.keeping import SqlKept
from postroom.db.memory import SourceMemory
from postroom.db.standing_rules import SqlStandingRules
from postroom.fetcher.source import MessageSource
from postroom.jobs.house import SourceKit
from postroom.jobs.lock import host_name
from postroom.pipeline.accept import Desk

if TYPE_CHECKING:  # a Maildir-only postroom needs no IMAP
    from postroom.fetcher.parking import Parking


def kits(
    app: App, *, read_only: bool = False, parking: Parking | None = None, deadline: Deadline = NEVER
) -> dict[str, SourceKit]:
    """Return every configured source by its name with what a poll of it needs.

    `read_only` is for a dry run.  With a `parking`, mailboxes stay connected between two polls.  No mail
    server is waited for after `deadline`.
    """
    mailboxes = {
        name: mailbox_kit(app, mailbox, read_only=read_only, parking=parking, deadline=deadline)
        for name, mailbox in app.settings.mailbox.items()
    }
    folders = {name: folder_kit(app, folder) for name, folder in app.settings.maildir.items()}
    return {**mailboxes, **folders}


def folder_name(app: App, name: str) -> str:
    """Return how the database calls a Maildir: where hosts share it, each has a folder of its own."""
    return f"{name}@{host_name()}" if app.database.is_shared else name


def source_names(app: App, known: Iterable[str]) -> dict[str, str]:
    """Return what the database calls every source, with its kind.

    Where hosts share the database, those Maildirs of other hosts are in it that are among the `known`.
    """
    settings = app.settings
    ours = {folder_name(app, name) for name in settings.maildir}
    theirs = {name for name in known if name.partition("@")[0] in settings.maildir and "@" in name}
    return dict.fromkeys(settings.mailbox, "imap") | dict.fromkeys(sorted(ours | theirs), "maildir")


def rule_for(settings: Settings, recipients: Recipients, *, address: str = "") -> Rule:
    """Return the routing rule of one source; `address` is the mailbox's own, where it has one."""
    return Rule(
        address=address_pattern(settings.orgs.address),
        pinned=recipients.org,
        pinned_recipient=address,
        trust=recipients.trust,
        trusted_hops=recipients.trusted_hops,
        whole_header=recipients.trusted_zone is Zone.ALL,
        to_cc=recipients.to_cc,
    )


def desk_for(app: App, name: str, rule: Rule) -> Desk:
    """Return what accept works with for a source of that name."""
    return Desk(
        source_name=name,
        rule=rule,
        limits=app.settings.limits,
        leave_unknown=app.settings.orgs.unknown is Unknown.LEAVE,
        directory=app.directory,
        inbox=app.inbox,
        store=app.store,
        now=app.now,
        rules=partial(SqlStandingRules(app.database).standing, name),
    )


def mailbox_kit(
    app: App,
    mailbox: Mailbox,
    *,
    read_only: bool,
    parking: Parking | None = None,
    deadline: Deadline = NEVER,
) -> SourceKit:
    """Return the kit of an IMAP mailbox."""
    from postroom.fetcher.imap import ImapSource  # noqa: PLC0415  (a Maildir-only postroom needs no IMAP)

    spool, keep_seconds = app.spool / mailbox.name, mailbox.after.delete_after_seconds
    limits = app.settings.limits
    memory = SourceMemory(app.database, mailbox.name, app.now)
    bearer = keeper_for(app.database, app.settings, mailbox, app.now)

    def make() -> ImapSource:
        source = ImapSource(mailbox, spool, limits, now=app.now, read_only=read_only, bearer=bearer)
        return source.with_memory(memory).until(deadline)

    return SourceKit(
        name=mailbox.name,
        kind="imap",
        connect=partial(parking.visit, mailbox.name, make) if parking else partial(_closing, make),
        memory=memory,
        desk=desk_for(app, mailbox.name, rule_for(app.settings, mailbox.recipients, address=mailbox.user)),
        poll_seconds=mailbox.poll_seconds,
        max_per_poll=mailbox.max_per_poll,
        kept=SqlKept(app.database, mailbox.name, "imap", app.now) if keep_seconds else None,
        keep_seconds=keep_seconds or 0.0,
    )


def folder_kit(app: App, folder: MaildirFolder) -> SourceKit:
    """Return the kit of a Maildir."""
    from postroom.fetcher.maildir_source import MaildirSource  # noqa: PLC0415  (as above)

    folder = replace(folder, name=folder_name(app, folder.name))
    make = partial(MaildirSource, folder, app.spool / folder.name)
    shelves = ("new", "cur") if folder.cur else ("new",)
    return SourceKit(
        name=folder.name,
        kind="maildir",
        connect=partial(_closing, make),
        memory=SourceMemory(app.database, folder.name, app.now),
        desk=desk_for(app, folder.name, rule_for(app.settings, folder.recipients)),
        poll_seconds=folder.poll_seconds,
        max_per_poll=folder.max_per_poll,
        wake_paths=tuple(str(folder.path / shelf) for shelf in shelves) if folder.watch == "auto" else (),
        is_shared=False,
    )


def _closing(make: Callable[[], MessageSource]) -> AbstractContextManager[MessageSource]:
    @contextmanager
    def opened() -> Iterator[MessageSource]:
        source = make()
        try:
            yield source
        finally:
            source.close()

    return opened()
