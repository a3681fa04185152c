"""One step of a check; a module of its own, since most that show a step never open a mailbox."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from postroom.errors import PostroomError

if TYPE_CHECKING:
    from postroom.fetcher.learning import Learned


@dataclass(frozen=True, slots=True)
class Step:
    """One step and what came out; `error` is None when it went well."""

    name: str
    words: str
    error: PostroomError | None = None
    learned: Learned | None = None
