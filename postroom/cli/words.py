"""Words for a terminal: text from mails made harmless, sizes, counts and columns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

# Controls, zero widths, marks that turn the reading direction, line separators, lone surrogates: a terminal
# obeys them, or a reader cannot see them.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_KIB = 1024


def shown(text: str, most: int = 0) -> str:
    """Return `text` on one line, what a terminal would obey spelled out, cut to `most` characters if set."""
    spelled = _UNSEEN.sub(_spelled, text)
    return spelled[: most - 1] + "…" if most and len(spelled) > most else spelled


def _spelled(found: re.Match[str]) -> str:
    number = ord(found[0])
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"  # noqa: PLR2004  (two hex digits or four)


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
    """Return "1 org", "2 orgs"; `many` where the plural is not one with an s."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def columns(rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the rows as lines, each column as wide as its widest cell, two blanks between."""
    rows = [tuple(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
