"""Raw mails into the archive: together where they can be adopted as they are, else several at once."""

from __future__ import annotations

from collections.abc import Sequence

from postroom.errors import SourceChanged, StoreUnavailable
from postroom.fetcher.source import Fetched
from postroom.storage.at_once import at_once
from postroom.storage.store import ObjectStore

Fault = SourceChanged | StoreUnavailable


def put_all(files: Sequence[tuple[str, Fetched]], store: ObjectStore) -> list[Fault | None]:
    """Make files durable under their keys; return, for each in its order, what kept it from that.

    Safe to repeat: a key says what lies under it.  Other faults than those two are raised.
    """
    faults = dict[str, Fault]()

    def put(file: tuple[str, Fetched]) -> None:
        key, fetched = file
        try:
            store.put_file(key, fetched.path, fetched.sha256)
        except (SourceChanged, StoreUnavailable) as fault:
            faults[key] = fault

    try:
        adopted = store.adopt([(key, fetched.path) for key, fetched in files if fetched.own])
    except StoreUnavailable as outage:
        return [outage] * len(files)
    at_once(put, [file for file in files if file[0] not in adopted])
    return [faults.get(key) for key, _ in files]
