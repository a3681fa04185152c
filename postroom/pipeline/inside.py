"""What the content of a part has in it: a mail, files in a text, or what a container gives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from postroom.core.embedded import embedded
from postroom.core.part import Part
from postroom.core.raw import Raw
from postroom.core.sniff import sniff
from postroom.pipeline.pages import Pages
from postroom.pipeline.scratch import file_view, scratch
from postroom.storage.store import View
from postroom.unpack.container import Inner, Room, Unpacked, Unpacker
from postroom.unpack.last_attempt import LastAttempt


def unrehearsed(mail: Path) -> None:
    """Try nothing: whoever takes a mail apart now is the child."""


@dataclass(frozen=True, slots=True)
class Opening:
    """How containers are opened: by whom, and in which folder their content lies meanwhile.

    `rehearse` is called with the file of a mail over which processes died before: a child tries it.
    """

    unpacker: Unpacker
    scratch: Path
    rehearse: Callable[[Path], None] = unrehearsed


def final(opening: Opening) -> Opening:
    """Return the same for a last attempt: a container that kills its decoder stays as it is."""
    return replace(opening, unpacker=LastAttempt(opening.unpacker))


@dataclass(frozen=True, slots=True)
class Mail:
    """A mail, or a MIME entity, to be taken apart as one: its bytes and the path that it is within."""

    raw: Raw
    within: str


@dataclass(frozen=True, slots=True)
class File:
    """A part that is not in the mail's own structure, and the bytes that its offsets are of."""

    raw: Raw
    part: Part


@dataclass(frozen=True, slots=True)
class Inside:
    """What was found, to be gone through once; `room` is what further containers may come to.

    `reason` says why a container stays as it is; where it `is_opened`, what is inside counts and not it.
    """

    room: Room
    found: Iterable[Mail | File] = ()
    is_opened: bool = False
    reason: str = ""
    defects: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()


@contextmanager
def looked_into(part: Part, content: View, kind: str, opening: Opening, room: Room) -> Iterator[Inside]:
    """Yield what is in the decoded `content` of `part`, for as long as the context lasts.

    `kind` is what the unpacker calls it.  Raises StoreUnavailable, and what the unpacker raises.
    """
    if part.is_encoded_message:
        # It stays a document too: RFC 2046 5.2.1 allows no encoding, so who encoded it sent it as a file.
        yield Inside(room, (Mail(Pages(content), part.path),))
    elif kind:
        with scratch(opening.scratch, content) as place:
            unpacked = opening.unpacker.unpack(
                kind, place.content, place.inner, name=part.filename, room=room
            )
            yield _opened(part, unpacked, room)
    elif _may_hold_files(part):
        files = embedded(Pages(content), part, 0, len(content), most=room.things)
        yield Inside(room, tuple(File(Pages(content), file) for file in files))
    else:
        yield Inside(room)


def _may_hold_files(part: Part) -> bool:
    """Return whether this is a text to be read, which is where files stood before there was MIME."""
    return part.content_type == "text/plain" and not part.filename and part.disposition in {"", "inline"}


def _opened(part: Part, unpacked: Unpacked, room: Room) -> Inside:
    return Inside(
        room.after(unpacked),
        _each(part, unpacked),
        is_opened=not unpacked.reason,
        reason=unpacked.reason,
        defects=unpacked.defects,
        limits=unpacked.limits,
    )


def _each(part: Part, unpacked: Unpacked) -> Iterator[Mail | File]:
    """Yield what came out of a container, each mapped only until the next one is asked for.

    A map holds a file descriptor, and a container may hold more than a process may have.
    """
    for number, inner in enumerate(unpacked.inner, 1):
        with file_view(inner.file) as view:
            if inner.is_entity:
                within = part.path if len(unpacked.inner) == 1 else f"{part.path}.{number}"
                yield Mail(Pages(view), within)
            else:
                yield File(Pages(view), _inner_part(part, inner, view, f"{part.path}.{number}"))


def _inner_part(container: Part, inner: Inner, view: View, path: str) -> Part:
    return Part(
        path=path,
        start=0,
        body_start=0,
        body_end=len(view),
        content_type=inner.content_type or sniff(view).partition(";")[0],
        filename=inner.filename,
        disposition=inner.disposition,
        content_id=inner.content_id,
        transfer_encoding="binary",
        depth=container.depth + 1,
        defects=inner.defects,
    )
