"""A mapped file that gives its pages back: a mail of any size takes the memory of a few of its blocks."""

from __future__ import annotations

from mmap import MADV_DONTNEED, mmap

_KEPT = 4 * 1024 * 1024  # bytes that were looked at and may stay in memory


class Pages:
    """The bytes of a view, by slices: what the core reads a mail through.

    Pages of a map that were looked at count as memory of this process until it lets them go.
    """

    def __init__(self, view: bytes | mmap) -> None:
        self._view, self._size, self._touched = view, len(view), 0

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, span: slice, /) -> bytes:
        piece = self._view[span]
        self._touched += len(piece)
        if self._touched > _KEPT and isinstance(self._view, mmap):
            self._view.madvise(MADV_DONTNEED)
            self._touched = 0
        return piece
