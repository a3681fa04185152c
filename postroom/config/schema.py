"""The keys of postroom.toml, their kinds and defaults."""

from __future__ import annotations


def keys() -> list[str]:
    """Return every key as a dotted path, `*` standing for the user's own names (`mailbox.*.host`)."""
    return []
