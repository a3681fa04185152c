"""A part's content as one value, for tests that are about what comes out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from postroom.core.decode import Status, decode
from postroom.core.part import Part
from postroom.core.raw import Raw


@dataclass(frozen=True, slots=True)
class Read:
    """Decoded content with its status."""

    content: bytes
    status: Status = "ok"
    defects: tuple[str, ...] = ()


def read(raw: Raw, part: Part) -> Read:
    """Return what `decode` gives out; that its size and digest are those of the content is asserted."""
    content = bytearray()
    decoded = decode(raw, part, content.extend)
    assert (decoded.size, decoded.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    return Read(bytes(content), decoded.status, decoded.defects)
