"""One key of postroom.toml."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from postroom.config import values as v

T = TypeVar("T")

TOP = ""  # the section of a key that stands outside every table


@dataclass(frozen=True, slots=True)
class Key(Generic[T]):
    """One key; `default` is what TOML would hold, and stands in after a fault where the key is `required`."""

    path: str
    kind: v.Kind[T]
    default: object
    meaning: str
    required: bool = False

    @property
    def leaf(self) -> str:
        """Return the key's own name, `host` of `mailbox.*.host`; that of an inner table is before it."""
        return self.path.removeprefix(f"{self.section}.").removeprefix("*.")

    @property
    def section(self) -> str:
        """Return the table's name, `mailbox` of `mailbox.*.host`, TOP where there is none."""
        return self.path.partition(".")[0] if "." in self.path else TOP
