"""Reading for people: one org at a time, page by page, several orgs merged with the newest first."""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import literal, tuple_

_T = TypeVar("_T")
_HEX = re.compile(r"[0-9a-f]{8,32}")
_PAGE = 500
_SMALLEST_PAGE = 20
_HELD_ROWS = 20_000  # over all orgs together, so that many orgs take no more memory than one

OUT_OF_QUARANTINE = "quarantine:"
"""What the file name of a copy begins with that a person gave to an org; the entry's id follows."""

Position = tuple[datetime, UUID]
"""Where a row stands in a listing: its time, and its id among those of the same time."""


def newest_first(
    streams: Sequence[Iterator[_T]], position: Callable[[_T], Position], limit: int | None
) -> Iterator[_T]:
    """Yield up to `limit` rows of all streams, each of which has its newest row first."""
    return islice(heapq.merge(*streams, key=position, reverse=True), limit)


def paged(
    fetch: Callable[[Position | None, int], list[_T]], position: Callable[[_T], Position], page: int
) -> Iterator[_T]:
    """Yield all rows that `fetch(after, page)` returns, page by page; no transaction stays open in between.

    A row that is written meanwhile may be missed; one that was there before is yielded exactly once.
    """
    after: Position | None = None
    while True:
        rows = fetch(after, page)
        yield from rows
        if len(rows) < page:
            return
        after = position(rows[-1])


def page_size(orgs: int, limit: int | None) -> int:
    """Return how many rows of each of so many orgs are held at once."""
    fair = max(_SMALLEST_PAGE, min(_PAGE, _HELD_ROWS // max(orgs, 1)))
    return fair if limit is None else min(fair, limit)


def stands_after(moment: Any, row_id: Any, after: Position) -> Any:
    """Return the condition that a row comes after `after` in a listing that these two columns sort."""
    return tuple_(moment, row_id) < tuple_(literal(after[0], moment.type), literal(after[1], row_id.type))


def id_span(words: str) -> tuple[UUID, UUID] | None:
    """Return the lowest and highest row id that begins with these hex digits, None where they are none.

    Eight digits at least; hyphens and case do not count.
    """
    digits = words.strip().lower().replace("-", "")
    if not _HEX.fullmatch(digits):
        return None
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))
