"""A token as the database keeps it: encrypted, but for the times that a person wants to see."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SealedToken:
    """An encrypted token of one source, and when it ends; times are aware.

    `ends_at` is when what renews it ends too, None where nobody knows.  `generation` counts from 1 how often
    it was replaced.
    """

    sealed: str
    expires_at: datetime
    ends_at: datetime | None
    generation: int
