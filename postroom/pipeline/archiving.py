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
    put = partial(_put, store)
    if len(files) < 2:  # noqa: PLR2004  (one alone needs no thread)
        return list(map(put, files))
    with ThreadPoolExecutor(min(len(files), _WRITERS), thread_name_prefix="archive") as writers:
        return list(writers.map(put, files))


def _put(store: ObjectStore, file: tuple[str, Fetched]) -> Fault | None:
    key, fetched = file
    try:
        store.put_file(key, fetched.path, fetched.sha256, own=fetched.own)
    except (SourceChanged, StoreUnavailable) as fault:
        return fault
    return None
