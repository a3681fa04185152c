"""What is known of the big providers, so that nobody has to look it up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from postroom.config.oauth_settings import Flow, Mechanism

_MICROSOFT: Final = "https://login.microsoftonline.com/{tenant}/oauth2/v2.0/"


@dataclass(frozen=True, slots=True)
class Preset:
    """`scope` names the flows that the provider has for mail; `refusals` say why another one cannot be."""

    host: str
    token_url: str
    authorize_url: str
    device_url: str
    scope: Mapping[Flow, tuple[str, ...]]
    refusals: Mapping[Flow, str]
    login_days: int | None = None
    redirect_host: str = "127.0.0.1"
    authorize_extras: tuple[tuple[str, str], ...] = ()
    mechanism: Mechanism = Mechanism.XOAUTH2


_OF_A_PERSON: Final = ("https://outlook.office.com/IMAP.AccessAsUser.All", "offline_access")
_GMAIL: Final = ("https://mail.google.com/",)

PRESETS: Final[Mapping[str, Preset]] = {
    "microsoft365": Preset(
        host="outlook.office365.com",
        token_url=_MICROSOFT + "token",
        authorize_url=_MICROSOFT + "authorize",
        device_url=_MICROSOFT + "devicecode",
        scope={
            Flow.CLIENT_CREDENTIALS: ("https://outlook.office365.com/.default",),
            Flow.DEVICE_CODE: _OF_A_PERSON,
            Flow.AUTHORIZATION_CODE: _OF_A_PERSON,
        },
        refusals={Flow.SERVICE_ACCOUNT: "Microsoft's service accounts are the flow client_credentials"},
        login_days=90,
        redirect_host="localhost",  # the one host for which Entra ID takes every port
    ),
    "gmail": Preset(
        host="imap.gmail.com",
        token_url="https://oauth2.googleapis.com/token",  # noqa: S106  (an address, no secret)
        authorize_url="https://accounts.google.com/o/oauth2/v2/auth",
        device_url="",
        scope={Flow.AUTHORIZATION_CODE: _GMAIL, Flow.SERVICE_ACCOUNT: _GMAIL},
        refusals={
            Flow.DEVICE_CODE: "Google lets no device read mail: use authorization_code or service_account",
            Flow.CLIENT_CREDENTIALS: "Google has service_account for a program without a person",
        },
        # Without them Google gives no refresh token, or only the first time.
        authorize_extras=(("access_type", "offline"), ("prompt", "consent")),
    ),
}
