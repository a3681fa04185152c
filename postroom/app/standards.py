"""What the parts of a message are judged by: the rules of its org, and of the source that it came by."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from postroom.config.settings import Mailbox, MaildirFolder, Settings
from postroom.core.rules import NO_CHANGES, Changes, Rules, Standard, changed
from postroom.db.values import Claim


def standards(settings: Settings, source_of: Callable[[Claim], str]) -> Callable[[Claim], Standard]:
    """Return what a claimed message is judged by; `source_of` is asked only where a source has rules."""
    sources: list[Mailbox | MaildirFolder] = [*settings.mailbox.values(), *settings.maildir.values()]
    have_rules = any(source.documents != NO_CHANGES for source in sources)

    @cache  # there are few orgs and sources, and many mails
    def known(org: str, source: str) -> Standard:
        return Standard(settings.limits, rules_for(settings, org=org, source=source))

    return lambda claim: known(claim.org, source_of(claim) if have_rules else "")


def rules_for(settings: Settings, *, org: str, source: str) -> Rules:
    """Return the rules for the mail of an org over a source; either may be one that no file knows.

    The narrower place wins, key by key: a source that takes mail for many orgs is wider than an org, and one
    that is pinned to an org is narrower.
    """
    known = settings.org.get(org)
    of_org = known.documents if known else NO_CHANGES
    of_source, is_pinned = _of_source(settings, source)
    order = (of_org, of_source) if is_pinned else (of_source, of_org)
    return changed(changed(settings.documents, order[0]), order[1])


def _of_source(settings: Settings, name: str) -> tuple[Changes, bool]:
    found = settings.source(name)
    return (found.documents, found.recipients.org is not None) if found else (NO_CHANGES, False)
