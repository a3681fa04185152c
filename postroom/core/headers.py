"""The header block: where each field lies and what it says; reading never raises, whatever the bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

Raw = (
    bytes | bytearray | memoryview
)  # anything that slices like bytes; an mmap is wrapped in a memoryview first

_NAME = re.compile(
    rb"[!-9;-~]{1,255}[ \t]*:"
)  # RFC 5322 2.2: printable ASCII but ":"; blanks before the colon are 4.5.1's


@dataclass(frozen=True, slots=True)
class Field:
    """One header field: `name` as written, `body` the raw bytes after the colon with folds still in it."""

    name: str
    body: bytes
    start: int

    @property
    def key(self) -> str:
        """Return the name as it is compared: lower case."""
        return self.name.lower()

    @property
    def unfolded(self) -> bytes:
        """Return the body on one line, without the blanks around it (RFC 5322 2.2.3)."""
        return re.sub(rb"\r\n|\r|\n", b"", self.body).strip(b" \t")


@dataclass(frozen=True, slots=True)
class HeaderBlock:
    """The fields from the top down, the offset where the body starts, and what was wrong."""

    fields: tuple[Field, ...]
    body_start: int
    defects: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()

    def first(self, name: str) -> Field | None:
        """Return the topmost field of that name, or None."""
        return next(self.every(name), None)

    def every(self, name: str) -> Iterator[Field]:
        """Yield all fields of that name, from the top."""
        key = name.lower()
        return (field for field in self.fields if field.key == key)
