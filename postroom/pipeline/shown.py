"""Which parts an html body shows as its images."""

from __future__ import annotations

from collections.abc import Sequence

from postroom.core.decode import decode
from postroom.core.kinds import referenced_cids
from postroom.core.part import Part
from postroom.core.raw import Raw

_LONGEST = 2_048  # bytes of one URL


class _Cids:
    """The Content-IDs in an html text that comes in blocks."""

    def __init__(self) -> None:
        self.found: set[str] = set()
        self._waiting = b""

    def take(self, block: bytes) -> None:
        text = self._waiting + block
        whole = max(text.rfind(end) for end in (b">", b'"', b"'", b"\n")) + 1
        if len(text) - whole > _LONGEST:
            whole = len(text)
        self.found |= referenced_cids(text[:whole])
        self._waiting = text[whole:]

    def end(self) -> frozenset[str]:
        return frozenset(self.found | referenced_cids(self._waiting))


def shown_images(raw: Raw, parts: Sequence[Part]) -> frozenset[str]:
    """Return the Content-IDs that the html bodies among `parts` show, where there are parts that have one."""
    if not any(part.content_id and part.content_type.startswith("image/") for part in parts):
        return frozenset()
    cids = _Cids()
    for part in parts:
        if part.content_type == "text/html" and not part.is_container:
            decode(raw, part, cids.take)
    return cids.end()
