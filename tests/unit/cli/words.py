"""A terminal in a folder of its own: postroom is called in it and what it printed is looked at."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from postroom.cli.main import main

HEAVY = {"sqlalchemy", "alembic", "imapclient", "rich", "structlog", "watchdog", "apscheduler"}


@dataclass(frozen=True, slots=True)
class Answer:
    code: int
    out: str
    err: str


class Terminal:
    """`call` runs in this process, `spawn` in one of its own; both know no variable and no home of ours."""

    def __init__(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        self.folder, self.home = folder / "desk", folder / "home"
        self._capsys = capsys
        for each in (self.folder, self.home):
            each.mkdir()
        for name in [name for name in os.environ if name.startswith("POSTROOM_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("HOME", str(self.home))
        monkeypatch.setenv("POSTROOM_STATE_DIR", str(folder / "state"))
        monkeypatch.chdir(self.folder)

    @property
    def state_dir(self) -> Path:
        return self.folder.parent / "state"

    def write(self, text: str | bytes, name: str = "postroom.toml", mode: int = 0o600) -> Path:
        path = self.folder / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(mode)
        return path

    def call(self, *arguments: str) -> Answer:
        with pytest.raises(SystemExit) as leaving:
            main(list(arguments))
        printed = self._capsys.readouterr()
        assert "Traceback" not in printed.err
        code = leaving.value.code
        assert isinstance(code, int)
        return Answer(code, printed.out, printed.err)

    def spawn(self, *arguments: str, stdin: bytes = b"", environ: dict[str, str] | None = None) -> Answer:
        done = subprocess.run(
            [sys.executable, "-m", "postroom", *arguments],
            input=stdin,
            capture_output=True,
            env={**os.environ, **(environ or {})},
            check=False,
            timeout=50,
        )
        out, err = done.stdout.decode(), done.stderr.decode()
        assert "Traceback" not in err
        return Answer(done.returncode, out, err)
