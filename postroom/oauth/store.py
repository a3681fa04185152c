"""What keeping tokens asks of the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from postroom.core.sealed import SealedToken


class TokenStore(Protocol):
    """The token of one source."""

    def find(self) -> SealedToken | None:
        """Return the token, None where there is none.  Raises DatabaseUnavailable."""
        ...

    def replace(self, token: SealedToken) -> bool:
        """Put `token` in the place of the generation before it; False where somebody was faster.

        It is durable when this returns True.  Raises DatabaseUnavailable.
        """
        ...

    def renewing(self) -> AbstractContextManager[bool]:
        """Hold the right to renew the token; False while another process has it."""
        ...


class FleetingStore:
    """A store that forgets: for a trial before there is a database.  Only for flows without a person."""

    def __init__(self) -> None:
        self._token: SealedToken | None = None

    def find(self) -> SealedToken | None:
        return self._token

    def replace(self, token: SealedToken) -> bool:
        self._token = token
        return True

    @contextmanager
    def renewing(self) -> Iterator[bool]:
        yield True
