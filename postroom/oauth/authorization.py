"""The authorization code flow of a native program (RFC 8252) with PKCE (RFC 7636): the words of it."""

from __future__ import annotations

import base64
import hashlib
import secrets
from dataclasses import dataclass
from urllib.parse import parse_qs, urlencode, urlsplit

from postroom.config.masked import Secret
from postroom.config.oauth_settings import OAuth
from postroom.errors import CredentialRejected, LoginNeeded
from postroom.oauth.client import Client
from postroom.oauth.endpoint import one_line
from postroom.oauth.tokens import Token


@dataclass(frozen=True, slots=True)
class Request:
    """One request for a login: the address that the person opens, and what the answer must fit to."""

    url: str
    redirect_uri: str
    state: Secret
    verifier: Secret


def request(oauth: OAuth, *, user: str, port: int) -> Request:
    """Return a fresh request whose answer comes to `port` of this machine."""
    verifier, state = secrets.token_urlsafe(64), secrets.token_urlsafe(32)
    redirect_uri = f"http://{oauth.redirect_host}:{port}/"
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
    query = {
        "response_type": "code",
        "client_id": oauth.client_id,
        "redirect_uri": redirect_uri,
        "scope": " ".join(oauth.scope),
        "state": state,
        "code_challenge": challenge.decode("ascii"),
        "code_challenge_method": "S256",
        "login_hint": user,
        **dict(oauth.authorize_extras),
    }
    joint = "&" if "?" in oauth.authorize_url else "?"
    url = oauth.authorize_url + joint + urlencode(query)
    return Request(url, redirect_uri, Secret(state), Secret(verifier))


def is_answer(asked: Request, address: str) -> bool:
    """Return whether an address that a browser was sent to is the answer to this very request."""
    try:
        query = parse_qs(urlsplit(address).query)
    except ValueError:
        return False
    told = query.get("state", [""])[0]
    return secrets.compare_digest(told.encode(), asked.state.reveal().encode())


def token_of(client: Client, asked: Request, address: str) -> Token:
    """Return the token for the answer in `address`.

    Raises LoginNeeded for what is no answer to this request, CredentialRejected for a refusal, and what a
    grant of `client` raises.
    """
    if not is_answer(asked, address):
        raise LoginNeeded(
            f"that is no answer to this login for {client.name}", fix="copy the whole address, and start anew"
        )
    query = parse_qs(urlsplit(address).query)
    if "code" not in query:
        words = one_line(": ".join([*query.get("error", ["no code"]), *query.get("error_description", [])]))
        raise CredentialRejected(
            f"the login for {client.name} was declined: {words}",
            fix="try again, or ask the administrator for consent",
        )
    return client.by_code(query["code"][0], verifier=asked.verifier, redirect_uri=asked.redirect_uri)
