"""Where a decoder puts what it takes out of a container: numbered files, counted as they are written."""

from __future__ import annotations

from collections.abc import Iterable
from io import FileIO
from pathlib import Path

from postroom.unpack.container import Inner, Room, Unpacked

NOT_UNPACKED = "not unpacked"
_LONGEST = 998  # characters of a name, a type or an id: RFC 5322 2.1.1 allows no longer line


class Full(Exception):
    """A limit was reached; `limit` is its name.  What is on the shelf stays."""

    def __init__(self, limit: str) -> None:
        super().__init__(limit)
        self.limit = limit


class ShelfBroken(Exception):
    """The shelf cannot be written, for no fault of the container's."""


class Shelf:
    """The files taken out so far, and what is to be said of the container."""

    def __init__(self, folder: Path, room: Room) -> None:
        self._folder = folder
        self._room = room
        self._bytes = 0
        self._inner: list[Inner] = []
        self._reason = ""
        self._defects: dict[str, None] = {}
        self._limits: dict[str, None] = {}

    def put(
        self,
        blocks: Iterable[bytes | memoryview],
        *,
        filename: str = "",
        content_type: str = "",
        content_id: str = "",
        is_inline: bool = False,
        is_entity: bool = False,
    ) -> None:
        """Write one thing, block by block; one that raises on its way leaves nothing behind.

        Raises Full, ShelfBroken, and whatever `blocks` raises.
        """
        if len(self._inner) >= self._room.things:
            raise Full("unpack_files")
        path = self._folder / str(len(self._inner) + 1)
        self._write(path, blocks)
        self._inner.append(
            Inner(
                file=path,
                filename=filename[:_LONGEST],
                content_type=content_type.lower()[:_LONGEST],
                content_id=content_id[:_LONGEST],
                disposition="inline" if is_inline else "attachment",
                is_entity=is_entity,
            )
        )

    def note(self, defect: str) -> None:
        """Say something of the container that was lived with."""
        self._defects[defect] = None

    def miss(self, defect: str, reason: str = NOT_UNPACKED) -> None:
        """Say that something was left in the container, which therefore stays a document itself."""
        self.note(defect)
        self._reason = self._reason or reason

    def full(self, limit: str) -> None:
        """Say that a limit kept something in the container."""
        self._limits[limit] = None
        self._reason = self._reason or NOT_UNPACKED

    def contents(self) -> Unpacked:
        """Return all that was put and said."""
        return Unpacked(tuple(self._inner), self._reason, tuple(self._defects), tuple(self._limits))

    def _write(self, path: Path, blocks: Iterable[bytes | memoryview]) -> None:
        before, whole = self._bytes, False
        try:
            with _made(path) as file:
                for block in blocks:
                    self._bytes += len(block)
                    if self._bytes > self._room.total_bytes:
                        raise Full("unpack_total")
                    _write_all(file, block)
            whole = True
        finally:
            if not whole:
                self._bytes = before
                path.unlink(missing_ok=True)


def _made(path: Path) -> FileIO:
    try:
        return path.open("xb", buffering=0)
    except OSError as error:
        raise ShelfBroken(str(error)) from error


def _write_all(file: FileIO, block: bytes | memoryview) -> None:
    rest = memoryview(block)
    try:
        while rest:
            rest = rest[file.write(rest) :]
    except OSError as error:
        raise ShelfBroken(str(error)) from error
