"""Messages sent back to be taken apart once more, out of the archive, and what that changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from postroom.app.by_hand import take_documents_out
from postroom.app.compose import App
from postroom.db.orgs import OrgEntry
from postroom.db.reading_documents import documents_of
from postroom.db.reading_messages import MessageView, messages_named
from postroom.db.replaying import send_back

_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class Replayed:
    """One message before and after; `before` alone where it could not be sent back.

    `new` and `gone` are its documents, by id, that the replay made and took away.
    """

    before: MessageView
    after: MessageView | None = None
    new: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()


def replay(app: App, chosen: Iterable[MessageView]) -> Iterator[Replayed]:
    """Extract these messages again, some at a time, and yield what became of each.

    Nothing is fetched: the archive has the raw mail.  A document whose bytes stay the same keeps its id, and
    is not announced again.  Beside a running service, whoever is first takes it apart.  Raises outages.
    """
    orgs = {org.slug: org for org in app.directory.every()}
    views = iter(chosen)
    while some := list(islice(views, _AT_ONCE)):
        had = [documents_of(app.database, orgs[view.org], view.id) for view in some]
        sent = [send_back(app.database, (orgs[view.org].id, view.id), app.now()) for view in some]
        if any(sent):
            take_documents_out(app)
        for view, before, was_sent in zip(some, had, sent, strict=True):
            yield _became(app, orgs[view.org], view, before) if was_sent else Replayed(view)


def _became(app: App, org: OrgEntry, view: MessageView, had: Sequence[str]) -> Replayed:
    (after,) = messages_named(app.database, org, str(view.id))
    has = documents_of(app.database, org, view.id)
    new = tuple(each for each in has if each not in had)
    return Replayed(view, after, new, tuple(each for each in had if each not in has))
