"""Telling a session that a server does not give from a credential that it does not take."""

from __future__ import annotations

import re

from postroom.config.settings import Mailbox
from postroom.errors import ServerFault, SessionRefused
from postroom.fetcher.imap_words import peer

# RFC 5530 3: password or token may be right, the server cannot say just now.
_PASSING = re.compile(r"\[(?:UNAVAILABLE|INUSE|SERVERBUG)\]", re.IGNORECASE)
_NOT_CONNECTED = re.compile(r"authenticated but not connected", re.IGNORECASE)
# RFC 5530 3 LIMIT; and what Gmail, Dovecot, Exchange and Courier say.
_TOO_MANY = re.compile(
    r"\[LIMIT\]|too many (?:simultaneous |concurrent )?connections|maximum number of connections"
    r"|connections? limit|session limit|exceeded (?:the )?(?:command or )?bandwidth limits",
    re.IGNORECASE,
)


def passing_refusal(settings: Mailbox, words: str, *, broke_off: bool) -> ServerFault | None:
    """Return what a failed login means where the credential may be right; None where it is refused."""
    if session_refused(words):
        return session_refusal(settings, words)
    if broke_off or _PASSING.search(words):
        return ServerFault(f"{peer(settings)}: the login was broken off: {words}")
    return None


def session_refused(words: str) -> bool:
    """Return whether these words of a server refuse a session, and not the login."""
    return bool(_NOT_CONNECTED.search(words) or _TOO_MANY.search(words))


def session_refusal(settings: Mailbox, words: str) -> SessionRefused:
    """Return what such words mean, and the way out."""
    if _NOT_CONNECTED.search(words):
        fix = _no_right(settings)
    else:
        fix = "close other programs that hold connections to this account, or wait; each poll tries again"
    return SessionRefused(f"{peer(settings)}: no session: server said {words!r}", fix=fix)


def _no_right(settings: Mailbox) -> str:
    """Return how a login of Microsoft 365 gets the right to a mailbox; the how-to page has the commands."""
    if settings.oauth is not None and settings.oauth.flow.needs_a_person:
        way = f"log in as {settings.user}, or give that login Full Access to it"
    else:
        way = (
            "Add-MailboxPermission for the app's service principal, which was made with the Object ID of the "
            "Enterprise application"
        )
    return f"the token gives no right to {settings.user}: {way}; and IMAP must be on for this mailbox"
