"""How a mailbox logs in by OAuth 2.0, as the program sees it: checked, the preset's values filled in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path

from postroom.config.masked import Secret


class Flow(StrEnum):
    """By which grant tokens are got."""

    CLIENT_CREDENTIALS = "client_credentials"  # RFC 6749 4.4: the program itself, no person
    DEVICE_CODE = "device_code"  # RFC 8628: a person enters a code in any browser
    AUTHORIZATION_CODE = "authorization_code"  # RFC 8252 and 7636: a person, in a browser on this machine
    SERVICE_ACCOUNT = "service_account"  # RFC 7523: a signed assertion, no person

    @property
    def needs_a_person(self) -> bool:
        """Return whether somebody has to log in once, by `postroom oauth login`."""
        return self in {Flow.DEVICE_CODE, Flow.AUTHORIZATION_CODE}


class Mechanism(StrEnum):
    """By which SASL mechanism the token is shown to the mail server; AUTO is the best one that it offers."""

    AUTO = "auto"
    XOAUTH2 = "xoauth2"
    OAUTHBEARER = "oauthbearer"


@dataclass(frozen=True, slots=True)
class OAuth:
    """`login_days` is how long a login lasts that is not used, where the provider says so in its documents.

    `redirect_host` is what the browser is sent back to, and `authorize_extras` what else the provider wants
    to be asked with (RFC 6749 3.1).
    """

    flow: Flow
    client_id: str
    client_secret: Secret | None
    secret_expires: date | None
    service_account: Secret | None
    token_url: str
    authorize_url: str
    device_url: str
    scope: tuple[str, ...]
    mechanism: Mechanism
    tls_ca: Path | None
    login_days: int | None = None
    redirect_host: str = "127.0.0.1"
    authorize_extras: tuple[tuple[str, str], ...] = ()
