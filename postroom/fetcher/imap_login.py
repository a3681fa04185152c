"""Password or token to the server: never in the clear over a network, never into a fault's words."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from imapclient.exceptions import IMAPClientAbortError, IMAPClientError, LoginError

from postroom.config.settings import Mailbox, Tls
from postroom.errors import LoginRefused, ServerFault, SourceUnavailable
from postroom.fetcher.imap_limits import passing_refusal, session_refusal, session_refused
from postroom.fetcher.imap_names import speak_utf8
from postroom.fetcher.imap_open import is_loopback
from postroom.fetcher.imap_words import peer, said

Offer = Callable[[Any], None]
_ATOM = re.compile(r"[A-Za-z0-9!#$&'+,./:;<=>?@^_`|~-]+")


def log_in(client: Any, settings: Mailbox, offer: Offer | None = None) -> None:
    """Log in, or shut the connection; `offer` shows a token where the mailbox has one instead of a password.

    Raises LoginRefused, SessionRefused, ServerFault, and what `offer` raises; none shows the password.
    """
    try:
        _require_cover(client, settings)
        if offer is not None:
            offer(client)
        else:
            _show_password(client, settings)
        _hear_capabilities(client, settings)
        client.normalise_times = False  # times with their zone, as the server gave them
    except SourceUnavailable:
        with suppress(IMAPClientError, OSError):
            client.shutdown()
        raise


def _hear_capabilities(client: Any, settings: Mailbox) -> None:
    """Ask where the server did not say: the answer to a later question could tell of mail unheard.

    Then what it can is agreed on.
    """
    try:
        client.capabilities()
        if settings.after.label.isascii():  # the library writes labels in modified UTF-7 only
            speak_utf8(client)
    except (IMAPClientError, OSError) as error:
        if session_refused(said(error)):
            raise session_refusal(settings, said(error)) from error
        raise ServerFault(f"{peer(settings)}: no capabilities after the login: {said(error)}") from error


def _require_cover(client: Any, settings: Mailbox) -> None:
    if settings.tls is Tls.OFF and not is_loopback(client):
        what = "token" if settings.oauth else "password"
        raise LoginRefused(
            f"{peer(settings)}: the {what} is not sent unencrypted over a network",
            fix='tls = "implicit" (port 993) or tls = "starttls" (port 143)',
        )


def _show_password(client: Any, settings: Mailbox) -> None:
    password = settings.password.reveal() if settings.password else ""
    try:
        _offer(client, settings.user, password)
    # The cause is cut off on purpose: it may hold the line that was sent.
    except (LoginError, IMAPClientError, OSError, ValueError) as error:
        raise _refusal(client, settings, error, password) from None


def _offer(client: Any, user: str, password: str) -> None:
    """LOGIN takes ASCII only (RFC 9051 6.2.3); AUTHENTICATE PLAIN takes everything."""
    plain = client.has_capability("AUTH=PLAIN")
    if plain and (client.has_capability("LOGINDISABLED") or not (user + password).isascii()):
        client.plain_login(user, password)
    else:
        client.login(user if _ATOM.fullmatch(user) else _quoted(user), password)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _refusal(
    client: Any, settings: Mailbox, error: BaseException, password: str
) -> LoginRefused | ServerFault:
    if isinstance(error, UnicodeError):
        words = "the server takes ASCII passwords only"
    else:
        words = said(error).replace(password, "********") if password else said(error)
    broke_off = isinstance(error, IMAPClientAbortError | OSError)
    return passing_refusal(settings, words, broke_off=broke_off) or LoginRefused(
        f"{peer(settings)}: login refused: server said {words!r}", fix=_way_out(client)
    )


def _way_out(client: Any) -> str:
    with suppress(IMAPClientError, OSError, ValueError):
        offered = {capability.decode("latin-1") for capability in client.capabilities()}
        mechanisms = sorted(word for word in offered if word.startswith("AUTH="))
        if mechanisms and not {"AUTH=PLAIN", "AUTH=LOGIN"} & set(mechanisms) and "LOGINDISABLED" in offered:
            tokens = {"AUTH=XOAUTH2", "AUTH=OAUTHBEARER"} & set(mechanisms)
            oauth = "; write an oauth table instead, see docs/how-to/microsoft-365.md" if tokens else ""
            only = f"the server offers {', '.join(mechanisms)} only"
            return f"{only}: passwords are switched off for this account{oauth}"
    return "correct `user` and `password`; where the account has two-factor login, make an app password"
