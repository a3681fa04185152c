"""The bytes of a mail, reached by offsets and looked at a block at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol, TypeAlias

BLOCK = 10 * 78 * 77  # bytes: small enough for the processor's cache, and whole lines of base64 in any system


class Raw(Protocol):
    """Bytes that are sliced and measured and no more: `bytes`, an `mmap`, a file read where it is looked at.

    A slice is a copy, so nothing of the size of the whole is ever held.
    """

    def __len__(self) -> int: ...

    def __getitem__(self, span: slice, /) -> bytes: ...


Defects: TypeAlias = dict[str, None]
"""What was found wrong, each said once, in the order of its finding."""


def blocks(raw: Raw, start: int, end: int, size: int = BLOCK) -> Iterator[bytes]:
    """Yield raw[start:end] in blocks of `size` bytes."""
    for at in range(start, end, size):
        yield raw[at : min(at + size, end)]


def whole_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the same bytes cut at line ends; a line that is longer than a block is cut into pieces."""
    pending = b""
    for piece in pieces:
        text = pending + piece
        cut = max(text.rfind(b"\n"), text.rfind(b"\r")) + 1
        if not cut and len(text) > BLOCK:
            cut = len(text)
        if cut:
            yield text[:cut]
        pending = text[cut:]
    if pending:
        yield pending
