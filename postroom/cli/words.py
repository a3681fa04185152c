"""Sizes and columns as people read them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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


def columns(rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the rows as lines, each column as wide as its widest cell, two blanks between."""
    rows = [tuple(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
