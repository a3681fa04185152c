"""Raw mails into the archive, several at once: each waits for its own sync, and a disk does many in one."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final

from postroom.errors import SourceChanged, StoreUnavailable
from postroom.fetcher.source import Fetched
from postroom.storage.store import ObjectStore

_WRITERS: Final = 8  # more gain nothing on one disk

Fault = SourceChanged | StoreUnavailable


def put_all(files: Sequence[tuple[str, Fetched]], store: ObjectStore) -> list[Fault | None]:
    """Make files durable under their keys; return, for each in its order, what kept it from that.

    Safe to repeat: a key says what lies under it.  Other faults than those two are raised.
    """
    try:
        adopted = store.adopt([(key, fetched.path) for key, fetched in files if fetched.own])
    except StoreUnavailable as outage:
        return [outage] * len(files)
    rest = [file for file in files if file[0] not in adopted]
    faults = dict(zip((key for key, _ in rest), _copied(rest, store), strict=True))
    return [faults.get(key) for key, _ in files]


def _copied(files: Sequence[tuple[str, Fetched]], store: ObjectStore) -> list[Fault | None]:
    put = partial(_put, store)
    if len(files) < 2:  # noqa: PLR2004  (one alone needs no thread)
        return list(map(put, files))
    with ThreadPoolExecutor(min(len(files), _WRITERS), thread_name_prefix="archive") as writers:
        return list(writers.map(put, files))


def _put(store: ObjectStore, file: tuple[str, Fetched]) -> Fault | None:
    key, fetched = file
    try:
        store.put_file(key, fetched.path, fetched.sha256)
    except (SourceChanged, StoreUnavailable) as fault:
        return fault
    return None
