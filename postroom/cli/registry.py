"""Which command lives where: names and one-line helps, so that `postroom --help` imports none of them."""

from __future__ import annotations

from typing import Final, NamedTuple


class Entry(NamedTuple):
    """Where a command's click object is, and the line that `--help` shows for it."""

    module: str
    attribute: str
    help: str


COMMANDS: Final[dict[str, Entry]] = {}
