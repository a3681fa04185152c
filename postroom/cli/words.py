"""Sizes, counts and columns as people read them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from postroom.core.media import essence

if TYPE_CHECKING:  # `inspect` counts too, and needs none of the pipeline
    from postroom.pipeline.tally import Tally

_KIB = 1024


def size_words(count: int) -> str:
    """Return a number of bytes for people: "812 B", "14.2 KiB", "3.0 MiB"."""
    if count < _KIB:
        return f"{count} B"
    amount, unit = count / _KIB, "KiB"
    for bigger in ("MiB", "GiB", "TiB"):
        if amount < _KIB:
            break
        amount, unit = amount / _KIB, bigger
    return f"{amount:.1f} {unit}"


def counted(count: int, one: str, many: str = "") -> str:
    """Return a count with its noun: "1 message", "2 messages", "2 mailboxes"."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def tally_words(tally: Tally) -> str:
    """Return what a round came to: "3 taken, 1 duplicate, 0 quarantined, 4 documents, 0 failed"."""
    duplicates, documents = counted(tally.duplicates, "duplicate"), counted(tally.documents, "document")
    rest = f"{tally.quarantined} quarantined, {documents}, {tally.failed} failed"
    return f"{tally.taken} taken, {duplicates}, {rest}"


def disagree(declared: str, sniffed: str | None) -> bool:
    """Return whether the bytes of a part are something else than its mail calls them.

    Plain text is what most kinds of text look like: a bare HTML body and a CSV are no lie.
    """
    if sniffed is None or essence(sniffed) == declared:
        return False
    return not (sniffed == "text/plain" and declared.startswith("text/"))


def columns(rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the rows as lines, each column as wide as its widest cell, two blanks between."""
    rows = [tuple(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
