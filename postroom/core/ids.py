"""Row ids: UUIDs that sort by the time they were made."""

from __future__ import annotations

from uuid import UUID


def uuid7(unix_ms: int, chance: bytes) -> UUID:
    """Return a version 7 UUID (RFC 9562 5.7) from a Unix time in milliseconds and ten random bytes."""
    value = (unix_ms & (1 << 48) - 1) << 80 | int.from_bytes(chance[:10].ljust(10, b"\0"))
    return UUID(int=value & ~(0xF << 76 | 0x3 << 62) | 0x7 << 76 | 0x2 << 62)
