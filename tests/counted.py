"""Bytes that count how they are looked at, for tests that are about cost and not about time."""

from __future__ import annotations


class Counted:
    """A mail that knows how many bytes of it were sliced, in how many slices, and how big the biggest was."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.sliced = self.slices = self.biggest = 0

    def __len__(self) -> int:
        return len(self._content)

    def __getitem__(self, span: slice, /) -> bytes:
        piece = self._content[span]
        self.sliced += len(piece)
        self.slices += 1
        self.biggest = max(self.biggest, len(piece))
        return piece
