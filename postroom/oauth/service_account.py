"""The assertion of a Google service account: a JWT that says for whose mailbox it asks (RFC 7523)."""

from __future__ import annotations

import base64
import json
from datetime import datetime
from typing import Any

from postroom.config.masked import Secret
from postroom.config.oauth_settings import OAuth
from postroom.errors import CredentialRejected

_GOOD_FOR_SECONDS = 3600  # Google takes no more


def assertion(oauth: OAuth, *, user: str, now: datetime) -> Secret:
    """Return a signed assertion that the service account acts for `user`; it is good for an hour.

    Raises CredentialRejected where the key file's private key cannot be used.
    """
    key_file = json.loads(oauth.service_account.reveal() if oauth.service_account else "{}")
    issued = int(now.timestamp())
    head = {"alg": "RS256", "typ": "JWT"}
    if key_file.get("private_key_id"):
        head["kid"] = key_file["private_key_id"]
    claims = {
        "iss": key_file.get("client_email", ""),
        "sub": user,
        "scope": " ".join(oauth.scope),
        "aud": oauth.token_url,
        "iat": issued,
        "exp": issued + _GOOD_FOR_SECONDS,
    }
    signing = f"{_encoded(json.dumps(head).encode())}.{_encoded(json.dumps(claims).encode())}"
    return Secret(f"{signing}.{_encoded(_signature(key_file.get('private_key', ''), signing))}")


def _signature(private_key: str, signing: str) -> bytes:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415  (only this flow needs RSA)
    from cryptography.hazmat.primitives.asymmetric import padding, rsa  # noqa: PLC0415  (as above)
    from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415  (as above)
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415  (as above)

    try:
        key: Any = load_pem_private_key(private_key.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise CredentialRejected(
            "service_account holds no RSA private key that can be used",
            fix="download the JSON key anew; do not edit it",
        )
    return key.sign(signing.encode(), padding.PKCS1v15(), SHA256())


def _encoded(content: bytes) -> str:
    """Return base64url without padding (RFC 7515 2)."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")
