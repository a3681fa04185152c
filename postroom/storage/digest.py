"""What is read is held against the digest that its row recorded."""

from __future__ import annotations

import hashlib

from postroom.errors import ObjectCorrupt


def require_digest(found: str, key: str, sha256: str) -> None:
    """Return where the hex digest `found` is `sha256`.  Raises ObjectCorrupt, which names `key`."""
    if found != sha256:
        raise ObjectCorrupt(f"other bytes than its row recorded: {key}")


def checked(content: bytes, key: str, sha256: str) -> bytes:
    """Return `content`, which must have the hex digest `sha256`; otherwise as `require_digest`."""
    require_digest(hashlib.sha256(content).hexdigest(), key, sha256)
    return content
