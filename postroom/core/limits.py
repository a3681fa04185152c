"""How much of one message is looked at; what lies beyond is kept raw and said, never guessed at."""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds for one message; a result names the one that was hit, and what was found before it stands.

    Those of `unpack_` are for containers; `unpack_zip` says whether a zip is one.  `unpack_ratio` is how many
    bytes one byte of a zip may become.
    """

    message_bytes: int = 50 * MIB
    attachment_bytes: int = 50 * MIB
    attachments: int = 200
    parts: int = 1_000
    nesting: int = 30
    header_bytes: int = 256 * KIB
    header_fields: int = 1_000
    parsed_field_bytes: int = 16 * KIB
    unpack_zip: bool = False
    unpack_files: int = 1_000
    unpack_total_bytes: int = 500_000_000
    unpack_ratio: int = 100
    unpack_memory_bytes: int = 1024 * MIB
    unpack_seconds: float = 60.0


DEFAULT_LIMITS = Limits()
