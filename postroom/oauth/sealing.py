"""Encrypting a token for the database: with the first key, opened by any of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from postroom.config.masked import Secret
from postroom.core.sealed import SealedToken
from postroom.errors import TokenUnreadable
from postroom.oauth.tokens import Token


def new_key() -> str:
    """Return a fresh key, for `oauth.key`."""
    return Fernet.generate_key().decode("ascii")


def account_of(*words: str) -> str:
    """Return a short name of the account that a token is for: another account's token is none of ours."""
    return hashlib.sha256("\0".join(words).encode()).hexdigest()[:32]


class Sealer:
    """Seals and opens the tokens of one account of one source; the first of `keys` seals, all of them open.

    What was sealed for another source cannot be opened: a row that somebody copied to it is no token of it.
    """

    def __init__(self, keys: Sequence[str], *, source: str, account: str) -> None:
        self._newest = Fernet(keys[0])
        self._all = MultiFernet([Fernet(key) for key in keys])
        self._source = source
        self._account = account

    def seal(self, token: Token, *, generation: int) -> SealedToken:
        """Return the token encrypted by the newest key."""
        words = {
            "source": self._source,
            "account": self._account,
            "access": token.access.reveal(),
            "refresh": token.refresh.reveal() if token.refresh else None,
            "obtained_at": token.obtained_at.isoformat(),
        }
        sealed = self._newest.encrypt(json.dumps(words).encode()).decode("ascii")
        return SealedToken(sealed, token.expires_at, token.ends_at, generation)

    def open(self, kept: SealedToken) -> Token | None:
        """Return the token, None where it is another account's.  Raises TokenUnreadable."""
        try:
            words = json.loads(self._all.decrypt(kept.sealed.encode()))
        except InvalidToken:
            raise TokenUnreadable(
                f"the token of {self._source} was encrypted with a key that oauth.key does not have",
                fix=f"put that key behind the new one; or: postroom oauth login {self._source}",
            ) from None
        if (words["source"], words["account"]) != (self._source, self._account):
            return None
        return Token(
            access=Secret(words["access"]),
            refresh=Secret(words["refresh"]) if words["refresh"] else None,
            obtained_at=datetime.fromisoformat(words["obtained_at"]),
            expires_at=kept.expires_at,
            ends_at=kept.ends_at,
        )

    def is_newest(self, kept: SealedToken) -> bool:
        """Return whether the newest key sealed it; else that of an older one is still needed."""
        try:
            self._newest.decrypt(kept.sealed.encode())
        except InvalidToken:
            return False
        return True
