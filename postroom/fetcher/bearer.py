"""Where a mailbox that is opened by OAuth 2.0 gets its token."""

from __future__ import annotations

from typing import Protocol

from postroom.config.masked import Secret


class Bearer(Protocol):
    """The tokens of one mailbox.

    Both raise CredentialRejected, LoginNeeded, TokenServerUnreachable, TokenServerFault or TokenUnreadable.
    """

    def token(self) -> Secret:
        """Return an access token that is good now."""
        ...

    def another(self, refused: Secret) -> Secret | None:
        """Return a newer token for one that the mail server refused; None where a newer one is no use."""
        ...
