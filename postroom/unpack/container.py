"""What the pipeline asks of those who open containers: winmail.dat, signed S/MIME, zip."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from postroom.core.part import Part


@dataclass(frozen=True, slots=True)
class Inner:
    """One thing out of a container: its bytes in a file, and what the container says of it.

    `filename` is as the sender wrote it, decoded and not made safe; `content_type` is "" where the container
    does not say.  `is_entity`: the file is a MIME entity, header and body, as a signed mail holds one; it is
    read as an attached message is and has no line in the ledger for itself.
    """

    file: Path
    filename: str = ""
    content_type: str = ""
    content_id: str = ""
    disposition: str = "attachment"
    is_entity: bool = False
    defects: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What was found in a container, in its own order, and what was wrong with it or went beyond a limit.

    `reason` is "" where all of it was taken out; else it says why the container becomes a document itself too
    ("encrypted", "not unpacked"): nothing in it is lost.
    """

    inner: tuple[Inner, ...] = ()
    reason: str = ""
    defects: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Room:
    """What the containers of one mail may still come to: so many things, of so many bytes together."""

    things: int
    total_bytes: int

    def after(self, unpacked: Unpacked) -> Room:
        """Return what is left when that was taken out; the files must still be there."""
        taken = sum(inner.file.stat().st_size for inner in unpacked.inner)
        return Room(max(0, self.things - len(unpacked.inner)), max(0, self.total_bytes - taken))


class Unpacker(Protocol):
    """Opens containers; every content that a mail holds is shown to it once."""

    def kind(self, part: Part, sniffed: str) -> str:
        """Return what kind of container the decoded content of `part` is, "" for none.

        `sniffed` is what `sniff` said of all of the content: a zip by its first bytes may be an office
        document by its directory.  Pure and cheap.
        """
        ...

    def unpack(self, kind: str, content: Path, into: Path, *, name: str, room: Room) -> Unpacked:
        """Open the container in the file `content` and put what is in it as files into the folder `into`.

        `into` is empty and not the folder of `content`; `name` is what the sender calls the container.
        Whatever the bytes are, the answer says it.  Raises DecoderDied where the child that opens it died or
        was stopped: this message's own trouble, and one attempt; DecoderUnavailable where none could be
        started or it was ended from outside: nobody's fault, to be tried again.
        """
        ...


class Unopened:
    """The unpacker of those who open nothing: every container stays one document."""

    def kind(self, part: Part, sniffed: str) -> str:
        return ""

    def unpack(self, kind: str, content: Path, into: Path, *, name: str, room: Room) -> Unpacked:
        return Unpacked()
