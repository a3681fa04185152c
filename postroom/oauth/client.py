"""The grants of OAuth 2.0 for one mailbox: each asks the token server once and returns a token."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

from postroom.config.masked import Secret
from postroom.config.oauth_settings import Flow, OAuth
from postroom.errors import LoginNeeded
from postroom.oauth.endpoint import Reply, ask
from postroom.oauth.refusals import refusal
from postroom.oauth.sealing import account_of
from postroom.oauth.service_account import assertion
from postroom.oauth.tokens import Token, token_from

_ASSERTION = "urn:ietf:params:oauth:grant-type:jwt-bearer"


@dataclass(frozen=True, slots=True)
class Client:
    """What asks for the tokens of the mailbox `name`, whose user is `user`; `now` is aware.

    Every grant raises CredentialRejected, LoginNeeded, TokenServerUnreachable or TokenServerFault.
    """

    name: str
    user: str
    oauth: OAuth
    now: Callable[[], datetime]
    seconds: float = 20.0

    @property
    def account(self) -> str:
        """Return a short name of whose tokens these are: with other settings they would be others."""
        oauth = self.oauth
        return account_of(oauth.flow, oauth.client_id, self.user, oauth.token_url, *oauth.scope)

    def renewed(self, before: Token | None) -> Token:
        """Return the next token, by the way that needs no person; `before` is the last one."""
        if self.oauth.flow is Flow.CLIENT_CREDENTIALS:
            return self.token({"grant_type": "client_credentials", "scope": self.scope})
        if self.oauth.flow is Flow.SERVICE_ACCOUNT:
            signed = assertion(self.oauth, user=self.user, now=self.now())
            return self.token({"grant_type": _ASSERTION, "assertion": signed.reveal()})
        if before is None or before.refresh is None:
            raise LoginNeeded(
                f"nobody has logged in for {self.name} yet", fix=f"postroom oauth login {self.name}"
            )
        form = {"grant_type": "refresh_token", "refresh_token": before.refresh.reveal()}
        return self.token(form, before=before)

    def by_code(self, code: str, *, verifier: Secret, redirect_uri: str) -> Token:
        """Return the token for an authorization code (RFC 6749 4.1.3, RFC 7636 4.5)."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri}
        return self.lasting(self.token({**form, "code_verifier": verifier.reveal()}))

    def lasting(self, token: Token) -> Token:
        """Return a token that can be renewed without a person.  Raises LoginNeeded for one that cannot."""
        if token.refresh is None:
            raise LoginNeeded(
                f"the login for {self.name} gave no refresh token, so it would end with the first token",
                fix="ask for it in `scope`; most providers call it offline_access",
            )
        return token

    def token(self, form: Mapping[str, str], *, before: Token | None = None) -> Token:
        """Return the token for a form, or raise what the refusal means."""
        asked_at = self.now()
        reply = self.reply(self.oauth.token_url, form)
        if reply.error:
            self.refuse(reply, before)
        return token_from(reply.fields, now=asked_at, before=before, login_days=self.oauth.login_days)

    def reply(self, url: str, form: Mapping[str, str]) -> Reply:
        """Return what the server answers to a form, with the client's own name on it (RFC 6749 2.3.1)."""
        oauth = self.oauth
        own = {"client_id": oauth.client_id} if oauth.client_id else {}
        if oauth.client_secret is not None:
            own["client_secret"] = oauth.client_secret.reveal()
        return ask(url, {**own, **form}, tls_ca=oauth.tls_ca, seconds=self.seconds)

    def refuse(self, reply: Reply, before: Token | None = None) -> NoReturn:
        """Raise what a refusal means."""
        secrets = (self.oauth.client_secret, before.refresh if before else None)
        login = self.oauth.flow.needs_a_person
        raise refusal(reply, name=self.name, login=login, secrets=secrets, now=self.now())

    @property
    def scope(self) -> str:
        """Return the scopes as a form holds them (RFC 6749 3.3)."""
        return " ".join(self.oauth.scope)
