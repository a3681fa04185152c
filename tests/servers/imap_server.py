"""What the tests of the IMAP source ask of a real server, whichever it is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from tests.servers.mail_program import PASSWORD


class ImapServer(Protocol):
    """A running IMAP server: implicit TLS on `tls_port`, plain on `port`, users made on demand.

    `name` and `lacks` are for the tests that it cannot serve: what it lacks, in a word that such a test names
    with the marker `needs`, and what it does instead.
    """

    name: str
    lacks: Mapping[str, str]
    port: int
    tls_port: int

    @property
    def ca(self) -> Path:
        """Return the CA that signed the server's certificate."""
        ...

    def add_user(self, user: str, password: str = PASSWORD) -> object:
        """Let a new user in with `password`; the INBOX is empty."""
        ...

    def deliver(
        self, user: str, mail: bytes, *, folder: str = "INBOX", modified: float | None = None
    ) -> object:
        """Put a mail into the folder; `modified` (seconds since 1970) becomes its INTERNALDATE."""
        ...

    def flags(self, user: str, folder: str = "INBOX") -> list[str]:
        """Return the flags of each mail by its place in the folder, such as "\\Seen $Taken"."""
        ...

    def remove(self, user: str, *subjects: str) -> None:
        """Remove the mails with these subjects from the INBOX, as another mail program would."""
        ...

    def forget_user(self, user: str) -> None:
        """Refuse this user from now on."""
        ...
