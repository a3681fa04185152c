"""Object keys: content-addressed below the org, so a repeat is harmless and no name from a mail is a path."""

from __future__ import annotations

import re
from uuid import UUID

_SHA256 = re.compile(r"[0-9a-f]{64}")


def raw_key(org_id: UUID, sha256: str) -> str:
    """Return where an org's raw message lies."""
    return f"{org_id}/raw/{_fanned(sha256)}"


def document_key(org_id: UUID, sha256: str) -> str:
    """Return where an org's document lies."""
    return f"{org_id}/doc/{_fanned(sha256)}"


def quarantine_key(sha256: str) -> str:
    """Return where a raw message without an org lies; operators only."""
    return f"_quarantine/raw/{_fanned(sha256)}"


def _fanned(sha256: str) -> str:
    if not _SHA256.fullmatch(sha256):
        raise ValueError(f"not a hex SHA-256: {sha256!r}")
    return f"{sha256[:2]}/{sha256}"
