"""What a token server's refusal means, and what to do about it: the codes that people meet."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from postroom.config.masked import Secret
from postroom.errors import CredentialRejected, LoginNeeded
from postroom.oauth.endpoint import Reply

_SKEW = timedelta(minutes=2)
_AADSTS = re.compile(r"AADSTS(\d+)")
_AGAIN = "postroom oauth login {name}"

# learn.microsoft.com/entra/identity-platform/reference-error-codes
_MICROSOFT: Final = {
    "7000215": "client_secret is not the secret's Value: the portal shows that only once, and beside it the "
    "Secret ID, which is another thing",
    "7000222": "the client secret has expired: make one under Certificates & secrets, and set secret_expires",
    "700016": "no such app in this tenant: client_id is the Application (client) ID; check `tenant` too",
    "90002": "there is no such tenant: `tenant` is the Directory (tenant) ID, or a domain of it",
    "65001": "nobody consented: let an administrator click Grant admin consent under API permissions",
    "7000218": "switch on Allow public client flows under Authentication, or set client_secret",
    "1002012": "the scope of client_credentials is https://outlook.office365.com/.default",
    "700027": "the assertion's signature does not fit a certificate of the app",
    "53003": "a Conditional Access policy forbids it: let an administrator exclude this app or user",
    "50105": "the app wants users to be assigned: assign this one under Enterprise applications",
}
_LOGIN_ENDED: Final = {
    "70008": "the login was not used for too long, or was withdrawn",
    "700082": "the login was not used for 90 days",
    "50173": "the password was changed, or the logins were withdrawn",
    "50076": "the tenant asks for a second factor now",
    "50079": "the tenant asks for a second factor to be set up",
    "50078": "the second factor has to be shown again",
    "50057": "the account is switched off",
    "700084": "the login has a fixed end, which is over",
}
_STANDARD: Final = {
    "invalid_client": "correct client_id and client_secret",
    "unauthorized_client": "let the provider allow this client the flow and the scope that are asked for",
    "invalid_scope": "correct `scope`: the provider does not know it, or does not give it to this client",
    "unsupported_grant_type": "the token server has no such flow: choose another one",
    "access_denied": "the login was declined: try again, or ask the administrator for consent",
    "redirect_uri_mismatch": "make the client of the type Desktop app",
}
_GOOGLE_DELEGATION: Final = (
    "allow the service account's client id the scope https://mail.google.com/ in the Admin console, under "
    "Domain-wide delegation; a change there takes some minutes"
)


def refusal(
    reply: Reply, *, name: str, login: bool, secrets: Iterable[Secret | None], now: datetime
) -> CredentialRejected | LoginNeeded:
    """Return what a refusal means for the mailbox `name`; `login` says that a person logs in for it.

    None of `secrets` is in its words, not even where the server repeats one.
    """
    words = _without(f"{reply.error}: {reply.description}" if reply.description else reply.error, secrets)
    message = f"the token server refused {name}: {words}"
    code = next(iter(_AADSTS.findall(reply.description)), "")
    if code in _MICROSOFT:
        return CredentialRejected(message, fix=_MICROSOFT[code])
    if (skew := _skew(reply, now)) and reply.error == "invalid_grant" and not login:
        return CredentialRejected(message, fix=f"the clock of this machine is {skew}: set it by NTP")
    if login and (code in _LOGIN_ENDED or reply.error in {"invalid_grant", "interaction_required"}):
        why = _LOGIN_ENDED.get(code, "the login has ended, or was withdrawn")
        return LoginNeeded(message, fix=f"{why}: {_AGAIN.format(name=name)}")
    return CredentialRejected(message, fix=_way_out(reply, login=login))


def _way_out(reply: Reply, *, login: bool) -> str:
    if not login and "unauthorized" in reply.description.lower() and reply.error == "unauthorized_client":
        return _GOOGLE_DELEGATION
    if reply.error == "invalid_grant":
        return (
            "`user` must be a mailbox of the organisation, and the key of the service account not withdrawn"
        )
    return _STANDARD.get(reply.error, "look up those words in the provider's documents")


def _skew(reply: Reply, now: datetime) -> str:
    """Return how wrong this machine's clock is, "" where it is right or the server told no time."""
    if reply.told_at is None or abs(reply.told_at - now) <= _SKEW:
        return ""
    minutes = round((reply.told_at - now).total_seconds() / 60)
    return f"{abs(minutes)} minutes {'slow' if minutes > 0 else 'fast'}"


def _without(words: str, secrets: Iterable[Secret | None]) -> str:
    for secret in secrets:
        if secret is not None:
            words = words.replace(secret.reveal(), "********")
    return words
