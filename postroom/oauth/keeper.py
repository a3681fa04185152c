"""Keeping one mailbox's token good: kept in the database, renewed ahead of time, by one process at a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog

from postroom.config.masked import Secret
from postroom.errors import (
    CredentialRejected,
    LoginNeeded,
    TokenServerFault,
    TokenServerUnreachable,
    TokenUnreadable,
)
from postroom.oauth.client import Client
from postroom.oauth.ends import ALARM, first_end
from postroom.oauth.sealing import Sealer
from postroom.oauth.store import TokenStore
from postroom.oauth.tokens import Token

_YOUNG = timedelta(minutes=5)
_LOOKED_EVERY_SECONDS = 0.2
_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.oauth")


@dataclass(frozen=True, slots=True)
class _Kept:
    """What the database has: the token, None where it has none of this account; and its generation."""

    token: Token | None
    generation: int


class TokenKeeper:
    """Gives the token to log in with; one thread uses it at a time, any number of processes share the store.

    A refresh token that the server replaces (RFC 9700 4.14.2) is durable before the new access token is used.
    Where the database is away at that very moment, it is kept here and stored first of all the next time.
    `pause` waits while another process renews the token, `patience_seconds` in all.
    """

    def __init__(
        self,
        client: Client,
        store: TokenStore,
        sealer: Sealer,
        *,
        pause: Callable[[float], object],
        patience_seconds: float = 45.0,
    ) -> None:
        self._client = client
        self._store = store
        self._sealer = sealer
        self._pause = pause
        self._patience = patience_seconds
        self._owed: tuple[Token, int] | None = None

    def token(self) -> Secret:
        """Return an access token that is good for some minutes at least.

        One that is good for less is used as it is where the token server is away.  Raises CredentialRejected,
        LoginNeeded, TokenServerUnreachable, TokenServerFault, TokenUnreadable, DatabaseUnavailable.
        """
        kept = self._kept()
        now = self._client.now()
        if kept.token is not None and not kept.token.is_due(now):
            return kept.token.access
        try:
            return self._renewed(kept).access
        except (TokenServerUnreachable, TokenServerFault) as error:
            if kept.token is None or not kept.token.is_good(now):
                raise
            _log.warning("token not renewed", source=self._client.name, code=error.code, error=str(error))
            return kept.token.access

    def another(self, refused: Secret) -> Secret | None:
        """Return a newer token for one that a mail server refused; None where a newer one is no use.

        A token that was got minutes ago is not replaced: who refuses that refuses the account.
        """
        kept = self._kept()
        if kept.token is None or kept.token.access != refused:
            return kept.token.access if kept.token else None
        if self._client.now() - kept.token.obtained_at < _YOUNG:
            return None
        return self._renewed(kept).access

    def store(self, token: Token) -> None:
        """Keep what a login brought, whatever was kept before; durable when this returns."""
        while True:
            found = self._store.find()
            if self._put(token, found.generation if found else 0):
                self._owed = None
                return

    # --- what the database has ---------------------------------------------------------------------

    def _kept(self) -> _Kept:
        if self._owed is not None:
            token, generation = self._owed
            self._put(token, generation)  # or somebody was faster, and theirs is the newer one
            self._owed = None
        found = self._store.find()
        if found is None:
            return _Kept(None, 0)
        try:
            token_there = self._sealer.open(found)
        except TokenUnreadable:
            if self._client.oauth.flow.needs_a_person:
                raise
            return _Kept(None, found.generation)
        if token_there is not None and not self._sealer.is_newest(found):
            sealed = self._put(token_there, found.generation)
            return _Kept(token_there, found.generation + 1) if sealed else self._kept()
        return _Kept(token_there, found.generation)

    def _put(self, token: Token, generation: int) -> bool:
        return self._store.replace(self._sealer.seal(token, generation=generation + 1))

    # --- renewing ----------------------------------------------------------------------------------

    def _renewed(self, seen: _Kept) -> Token:
        deadline = time.monotonic() + self._patience
        while True:
            with self._store.renewing() as ours:
                kept = self._kept()
                if kept.token is not None and _differ(kept, seen):
                    return kept.token
                if ours:
                    return self._asked(kept)
            if time.monotonic() > deadline:
                raise TokenServerFault(f"another postroom renews the token of {self._client.name}, and hangs")
            self._pause(_LOOKED_EVERY_SECONDS)

    def _asked(self, kept: _Kept) -> Token:
        try:
            token = self._client.renewed(kept.token)
        except (CredentialRejected, LoginNeeded):
            # A process that lost its lease may have used up the refresh token: then the newer one is there.
            again = self._kept()
            if again.token is not None and _differ(again, kept):
                return again.token
            raise
        # The order is the promise: durable first, then used.
        self._owed = (token, kept.generation)
        again = self._kept()
        self._tell(token)
        return again.token or token

    def _tell(self, token: Token) -> None:
        now = self._client.now()
        _log.info("token renewed", source=self._client.name, expires_at=token.expires_at.isoformat())
        end = first_end(self._client.oauth, token.ends_at)
        if end is not None and end - now < ALARM:
            days = max(0, (end - now).days)
            _log.warning("login ends", source=self._client.name, ends_at=end.isoformat(), days=days)


def _differ(one: _Kept, other: _Kept) -> bool:
    """Return whether the tokens are two; a generation alone also grows when a token is encrypted anew."""
    return (one.token and one.token.access) != (other.token and other.token.access)
