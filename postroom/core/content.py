"""Content that can be looked at without being read as a whole."""

from __future__ import annotations

from typing import Protocol


class Content(Protocol):
    """Bytes that can be cut: bytes, a memoryview or a mapped file."""

    def __len__(self) -> int: ...
    def __getitem__(self, piece: slice, /) -> bytes | memoryview: ...
