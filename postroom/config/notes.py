"""What loading collects on its way: faults, warnings, and where each value comes from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from postroom.errors import Fault


@dataclass(frozen=True, slots=True)
class Where:
    """A place that set something: a file and line, or a variable (line 0); relative paths start at `folder`.

    `exposed` is True for a file that everybody on this machine can read.
    """

    label: str
    line: int
    folder: Path
    exposed: bool = False

    def __str__(self) -> str:
        return f"{self.label}:{self.line}" if self.line else self.label


@dataclass(slots=True)
class Notes:
    """Faults and warnings in the order found; `origins` and `shown` have one entry for each effective key."""

    faults: list[Fault] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    origins: dict[str, str] = field(default_factory=dict)
    shown: dict[str, str] = field(default_factory=dict)

    def fault(self, where: Where, key: str, message: str, hint: str = "") -> None:
        """Note one fault of `key`; the same one twice counts once."""
        found = Fault(where.label, where.line, key, message, hint)
        if found not in self.faults:
            self.faults.append(found)

    def value(self, key: str, shown: str, origin: str) -> None:
        """Note the effective value of `key` as it may be shown; a later call replaces an earlier one."""
        self.shown[key] = shown
        self.origins[key] = origin

    def in_order(self) -> list[Fault]:
        """Return the faults file by file, from the first line to the last."""
        labels = list(dict.fromkeys(fault.path for fault in self.faults))
        return sorted(self.faults, key=lambda fault: (labels.index(fault.path), fault.line))
