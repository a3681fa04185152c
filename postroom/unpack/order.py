"""What passes between postroom and the child that opens a container: an order, and an answer in a file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from postroom.unpack.container import Inner, Unpacked

BEGUN = "begun"
ANSWER = "answer.json"
LONGEST_ANSWER = 16 * 1024 * 1024
CANNOT_WRITE = 75  # the exit code of a child that could not write: EX_TEMPFAIL


@dataclass(frozen=True, slots=True)
class Order:
    """One container to be opened, and what that may cost; `ratio` is for a zip.

    `seconds` are of processor time, so that a busy machine is no container's fault.
    """

    kind: str
    content: str
    into: str
    name: str
    things: int
    total_bytes: int
    ratio: int
    memory_bytes: int
    seconds: float

    @property
    def patience_seconds(self) -> float:
        """Return how long it may take by the clock: a child that stands still uses no processor time."""
        return self.seconds * 5

    def as_text(self) -> str:
        """Return the order as it goes into a command line."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_text(text: str) -> Order:
        """Return the order that `as_text` wrote."""
        return Order(**json.loads(text))


def write_answer(unpacked: Unpacked, into: Path) -> None:
    """Write the answer into the folder where its files are."""
    answer = asdict(unpacked)
    for inner in answer["inner"]:
        inner["file"] = inner["file"].name
    (into / ANSWER).write_text(json.dumps(answer), encoding="ascii")


def read_answer(into: Path) -> Unpacked:
    """Return the answer in that folder; every file it names lies there.

    Raises OSError, ValueError, KeyError or TypeError where there is none that can be read: whoever wrote it
    had a stranger's bytes in hand, so nothing in it is taken on trust.
    """
    path = into / ANSWER
    if path.stat().st_size > LONGEST_ANSWER:
        raise ValueError("the answer is too long")
    answer = json.loads(path.read_bytes())
    return Unpacked(
        inner=tuple(_inner(each, into) for each in answer["inner"]),
        reason=str(answer["reason"]),
        defects=tuple(map(str, answer["defects"])),
        limits=tuple(map(str, answer["limits"])),
    )


def _inner(each: dict[str, Any], into: Path) -> Inner:
    name = str(each["file"])
    file = into / name
    if not name.isdecimal() or file.is_symlink() or not file.is_file():
        raise ValueError("the answer names no file of its own")
    return Inner(
        file=file,
        filename=str(each["filename"]),
        content_type=str(each["content_type"]),
        content_id=str(each["content_id"]),
        disposition=str(each["disposition"]),
        is_entity=each["is_entity"] is True,
        defects=tuple(map(str, each["defects"])),
    )
