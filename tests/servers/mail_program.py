"""A mailbox over IMAP as a person's mail program sees it: what else happens to it."""

from __future__ import annotations

import imaplib
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

PASSWORD = "correct horse"
"""Of every user of the test servers who was given no other."""


class MailProgram:
    """One session of a mail program; the folder that each call names is opened for it."""

    def __init__(self, connection: imaplib.IMAP4) -> None:
        self._connection = connection

    def put(self, mail: bytes, folder: str, received: datetime) -> None:
        """Put a mail into the folder, which is made where it is not there."""
        if folder != "INBOX":
            self._connection.create(_quoted(folder))  # refused where it is there
        when = imaplib.Time2Internaldate(received)
        word, answer = self._connection.append(_quoted(folder), "", when, mail)
        assert word == "OK", answer

    def flags(self, folder: str) -> list[str]:
        """Return the flags of each mail by its place in the folder, such as "\\Seen $Taken".

        A folder that is not there has no mails.
        """
        if self._open(folder) == 0:
            return []
        return [" ".join(sorted(set(flags.split()) - {"\\Recent"})) for flags in self._fetched("FLAGS")]

    def remove(self, *subjects: str) -> None:
        """Remove the mails with these subjects from the INBOX."""
        self._open("INBOX")
        for subject in subjects:
            _, (uids,) = self._connection.uid("SEARCH", "SUBJECT", f'"{subject}"')
            if uids:
                self._connection.uid("STORE", uids.decode().replace(" ", ","), "+FLAGS", "(\\Deleted)")
        self._connection.expunge()

    def _open(self, folder: str) -> int:
        """Return how many mails are in the folder; none where there is no such folder."""
        word, (said,) = self._connection.select(_quoted(folder))
        return int(said or 0) if word == "OK" else 0

    def _fetched(self, what: str) -> Iterator[str]:
        _, lines = self._connection.fetch("1:*", f"({what})")
        for line in lines:
            found = re.search(rb"FLAGS \(([^)]*)\)", line) if isinstance(line, bytes) else None
            if found:
                yield found[1].decode()


@contextmanager
def mail_program(port: int, user: str, password: str) -> Iterator[MailProgram]:
    """Log in without TLS on 127.0.0.1 as long as the block lasts."""
    connection = imaplib.IMAP4("127.0.0.1", port, timeout=30)
    # imaplib sends a mail in three pieces; each would wait 40 ms for the answer to the one before.
    connection.socket().setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        connection.login(user, password)
        yield MailProgram(connection)
    finally:
        connection.shutdown()


def moment(modified: float | None) -> datetime:
    """Return seconds since 1970 as a moment; None is now."""
    return datetime.now(UTC) if modified is None else datetime.fromtimestamp(modified, UTC)


def _quoted(folder: str) -> str:
    return f'"{folder}"'
