"""A folder with a postroom.toml in it, as a person would sit before it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from postroom.config.load import Loaded, load
from postroom.errors import ConfigFault


class Desk:
    """Loads what was written to `folder`, with no variables but those given and a home of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "desk"
        self.home = folder / "home"
        self.folder.mkdir()
        self.home.mkdir()

    def write(self, text: str, name: str = "postroom.toml", mode: int = 0o640) -> Path:
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        path.chmod(mode)
        return path

    def load(
        self, text: str = "", environ: Mapping[str, str] | None = None, *, secrets: bool = False
    ) -> Loaded:
        self.write(text)
        return load(
            None, environ=environ or {}, cwd=self.folder, home=self.home, is_root=False, secrets=secrets
        )

    def faults(
        self, text: str = "", environ: Mapping[str, str] | None = None, *, secrets: bool = False
    ) -> list[str]:
        try:
            self.load(text, environ, secrets=secrets)
        except ConfigFault as fault:
            return str(fault).splitlines()
        return []
