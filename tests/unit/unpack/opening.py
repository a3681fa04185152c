"""A container opened the way the pipeline does it, in a real child, with what came out in plain sight."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from postroom.core.limits import DEFAULT_LIMITS, Limits
from postroom.unpack.container import Room, Unpacked
from postroom.unpack.opener import open_containers

ROOM = Room(1_000, 500_000_000)
QUICK = replace(DEFAULT_LIMITS, unpack_zip=True)


@dataclass(frozen=True, slots=True)
class Opened:
    """What an unpacker answered, and the files it left, by the name the container gives them."""

    answer: Unpacked
    files: list[tuple[str, bytes]]


def opened(
    folder: Path, kind: str, content: bytes, *, limits: Limits = QUICK, room: Room = ROOM, name: str = ""
) -> Opened:
    """Open `content` in a child and return what came of it; an error of the unpacker passes through."""
    (folder / "content").write_bytes(content)
    into = folder / "into"
    into.mkdir()
    answer = open_containers(limits).unpack(kind, folder / "content", into, name=name, room=room)
    return Opened(answer, [(inner.filename, inner.file.read_bytes()) for inner in answer.inner])
