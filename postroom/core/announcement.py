"""What the next system is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Announcement:
    """One event for the next system; `event_id` stays the same however often it is sent."""

    event_id: UUID
    event: str
    org: str
    message_id: UUID
    document_id: UUID | None
    attempts: int
    body: Mapping[str, Any] = field(default_factory=dict)
