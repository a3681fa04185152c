"""Rows of many orgs, org by org: a statement is never about two."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import groupby
from typing import TypeVar
from uuid import UUID

T = TypeVar("T")


def by_org(some: Iterable[T], org_of: Callable[[T], UUID]) -> list[tuple[UUID, list[T]]]:
    """Return them by org, those of one org in the order they came in."""
    return [(org_id, list(each)) for org_id, each in groupby(sorted(some, key=org_of), key=org_of)]
