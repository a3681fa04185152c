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

    `reason` is "" where it was opened; else it says why it stays as it is and becomes a document itself
    ("encrypted", "not unpacked").
    """

    inner: tuple[Inner, ...] = ()
    reason: str = ""
    defects: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()


class Unpacker(Protocol):
    """Opens containers; every content that a mail holds is shown to it once."""

    def kind(self, part: Part, head: bytes) -> str:
        """Return what kind of container the decoded content of `part` is, "" for none.

        `head` is the first bytes of the content, at least a KiB where there are so many.  Pure and cheap.
        """
        ...

    def unpack(self, kind: str, content: Path, into: Path, *, most: int) -> Unpacked:
        """Open the container in the file `content` and put what is in it as files into the folder `into`.

        At most `most` things are taken out.  Whatever the bytes are, the answer says it.  Raises only where
        the child that opens it died or was stopped: this message's own trouble, and one attempt.
        """
        ...
