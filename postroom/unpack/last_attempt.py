"""Opening containers when there is no other attempt."""

from __future__ import annotations

from pathlib import Path

from postroom.core.part import Part
from postroom.errors import DecoderDied
from postroom.unpack.container import Room, Unpacked, Unpacker
from postroom.unpack.shelf import NOT_UNPACKED


class LastAttempt:
    """An Unpacker for when there is no other attempt: a container that kills its decoder stays as it is."""

    def __init__(self, unpacker: Unpacker) -> None:
        self._unpacker = unpacker

    def kind(self, part: Part, sniffed: str) -> str:
        """Return what the other says."""
        return self._unpacker.kind(part, sniffed)

    def unpack(self, kind: str, content: Path, into: Path, *, name: str, room: Room) -> Unpacked:
        """Open the container; where the decoder dies, say so in the answer."""
        try:
            return self._unpacker.unpack(kind, content, into, name=name, room=room)
        except DecoderDied as error:
            return Unpacked(reason=NOT_UNPACKED, defects=(str(error),))
