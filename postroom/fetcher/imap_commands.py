"""SEARCH and FETCH in the open folder, with the library's traps gone around."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from postroom.fetcher.imap_connection import Connection

Fields = Mapping[bytes, Any]


def search(connection: Connection, criteria: Sequence[object]) -> set[int]:
    """Return the UIDs in the open folder that meet `criteria`.  Raises ServerFault."""
    return connection.ask("a search", lambda client: set(client.search(list(criteria))))


def fetch(connection: Connection, uids: Sequence[int], fields: Sequence[str]) -> Mapping[int, Fields]:
    """Return what the server says of each of `uids`; what it is silent about is left out.

    UIDs are always a list of numbers: the library runs a range such as "1:*" and then fails on its own
    answer.  Raises ServerFault.
    """
    return connection.ask("a fetch", lambda client: client.fetch(list(uids), list(fields)) or {})


def uids_of(connection: Connection, numbers: Sequence[int]) -> set[int]:
    """Return the UIDs of the mails with these numbers.  Raises ServerFault."""

    def ask(client: Any) -> Mapping[int, Fields]:
        client.use_uid = False
        try:
            return client.fetch(list(numbers), ["UID"]) or {}
        finally:
            client.use_uid = True

    answer = connection.ask("the UIDs of mails", ask)
    return {uid for told in answer.values() if isinstance(uid := told.get(b"UID"), int)}
