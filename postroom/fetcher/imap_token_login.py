"""An access token to the mail server by SASL: XOAUTH2, or OAUTHBEARER (RFC 7628)."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from imapclient.exceptions import IMAPClientAbortError, IMAPClientError

from postroom.config.masked import Secret
from postroom.config.oauth_settings import Mechanism
from postroom.config.settings import Mailbox
from postroom.errors import LoginRefused, ServerFault
from postroom.fetcher.bearer import Bearer
from postroom.fetcher.imap_limits import passing_refusal
from postroom.fetcher.imap_words import peer, said

_END = "\x01"


def offer_token(client: Any, settings: Mailbox, token: Secret, bearer: Bearer) -> None:
    """Log in with `token`; where it is refused, once more with a newer one, if there is any.

    Raises LoginRefused, SessionRefused, ServerFault, and what `bearer` raises; none shows a token.
    """
    try:
        _offer(client, settings, token)
    except LoginRefused:
        newer = bearer.another(token)
        if newer is None:
            raise
        _offer(client, settings, newer)


def _offer(client: Any, settings: Mailbox, token: Secret) -> None:
    mechanism = _mechanism(client, settings)
    talk = _Talk(mechanism, settings, token)
    try:
        client.sasl_login(mechanism.upper(), talk)
    # The cause is cut off on purpose: it may hold the line that was sent.
    except (IMAPClientError, OSError, ValueError) as error:
        raise _refusal(settings, error, talk) from None


def _mechanism(client: Any, settings: Mailbox) -> Mechanism:
    """Return the mechanism that was chosen, or the standard one where the server has it."""
    chosen = settings.oauth.mechanism if settings.oauth else Mechanism.AUTO
    if chosen is not Mechanism.AUTO:
        return chosen
    return Mechanism.OAUTHBEARER if client.has_capability("AUTH=OAUTHBEARER") else Mechanism.XOAUTH2


class _Talk:
    """The client's side of one dialogue: the token first; then, to a refusal, what ends it."""

    def __init__(self, mechanism: Mechanism, settings: Mailbox, token: Secret) -> None:
        self.token = token
        self.status = ""
        self._answers = iter(_answers(mechanism, settings, token))

    def __call__(self, challenge: bytes) -> bytes | None:
        if challenge:  # the reason of a refusal (RFC 7628 3.2.2)
            with suppress(ValueError, RecursionError, AttributeError):
                self.status = str(json.loads(challenge).get("status", ""))
        return next(self._answers, None)


def _answers(mechanism: Mechanism, settings: Mailbox, token: Secret) -> tuple[bytes, bytes]:
    bearer = f"auth=Bearer {token.reveal()}{_END}{_END}"
    if mechanism is Mechanism.XOAUTH2:
        return f"user={settings.user}{_END}{bearer}".encode(), b""
    name = settings.user.replace("=", "=3D").replace(",", "=2C")  # RFC 5801 4: saslname
    place = f"host={settings.host}{_END}port={settings.port}{_END}"
    return f"n,a={name},{_END}{place}{bearer}".encode(), _END.encode()


def _refusal(settings: Mailbox, error: BaseException, talk: _Talk) -> LoginRefused | ServerFault:
    words = said(error).replace(talk.token.reveal(), "********")
    broke_off = isinstance(error, IMAPClientAbortError | OSError | ValueError)
    status = f", status {talk.status[:60]!r}" if talk.status else ""
    return passing_refusal(settings, words, broke_off=broke_off) or LoginRefused(
        f"{peer(settings)}: token refused: server said {words!r}{status}", fix=_way_out(settings)
    )


def _way_out(settings: Mailbox) -> str:
    flow = settings.oauth.flow if settings.oauth else None
    if flow is not None and flow.needs_a_person:
        return (
            f"the login must be that of {settings.user}: postroom oauth login {settings.name}; "
            "and IMAP must be switched on for this mailbox"
        )
    return f"`user` must be a mailbox that this program may open, with IMAP switched on, not {settings.user}"
