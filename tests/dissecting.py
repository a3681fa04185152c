"""A mail taken apart, with the content of every part, for tests that are about what was found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from postroom.core.limits import DEFAULT_LIMITS, Limits
from postroom.core.rules import DEFAULT_RULES, Rules, Standard
from postroom.db.values import LedgerPart
from postroom.pipeline.inside import Opening
from postroom.pipeline.pages import Pages
from postroom.pipeline.parts import Dissection
from postroom.storage.local import LocalStore
from postroom.unpack.container import Unopened, Unpacker


@dataclass(frozen=True, slots=True)
class Taken:
    """The ledger, what each part that is no container holds, and what is wrong with the whole."""

    lines: tuple[LedgerPart, ...]
    contents: dict[str, bytes]
    defects: tuple[str, ...]
    limits: tuple[str, ...]

    @property
    def documents(self) -> dict[str | None, bytes]:
        """Return name → content of what was kept."""
        return {line.filename: self.contents[line.path] for line in self.lines if line.kept}

    def line(self, path: str) -> LedgerPart:
        """Return the one line of that path."""
        (found,) = [line for line in self.lines if line.path == path]
        return found


def taken_apart(
    raw: bytes,
    limits: Limits = DEFAULT_LIMITS,
    *,
    rules: Rules = DEFAULT_RULES,
    unpacker: Unpacker | None = None,
) -> Taken:
    """Take a mail apart as extraction does, in a folder that is gone at the end."""
    with TemporaryDirectory() as name:
        mail = Dissection(
            Pages(raw),
            standard=Standard(limits, rules),
            store=LocalStore(Path(name, "archive")),
            opening=Opening(unpacker or Unopened(), Path(name, "scratch")),
        )
        lines, contents = {}, {}
        for line, tray in mail.parts():
            lines[line.path] = line
            with tray.view() as view:
                contents[line.path] = view[:]
        return Taken(tuple(lines.values()), contents, mail.defects, mail.limits)
