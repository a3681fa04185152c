"""How much of one message is looked at; what lies beyond is kept raw and said, never guessed at."""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds for one message; a result names the one that was hit, and what was found before it stands."""

    message_bytes: int = 50 * MIB
    attachment_bytes: int = 50 * MIB
    attachments: int = 200
    parts: int = 1_000
    nesting: int = 30
    header_bytes: int = 256 * KIB
    header_fields: int = 1_000
    parsed_field_bytes: int = 16 * KIB


DEFAULT_LIMITS = Limits()
