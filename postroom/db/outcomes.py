"""What came of claimed work, on its way into the database."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from postroom.db.values import Claim, LedgerPart, Owed, Untold


@dataclass(frozen=True, slots=True)
class Extracted:
    """A claimed message that was taken apart: its ledger, and the defects and limits of the whole mail."""

    claim: Claim
    parts: tuple[LedgerPart, ...]
    defects: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """What became of the announcements that were owed of a claimed message: told, or put off."""

    owed: Owed
    told: tuple[UUID, ...]
    untold: tuple[Untold, ...] = ()
