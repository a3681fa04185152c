"""postroom as a user runs it: a process of its own, with nothing of ours in its environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("POSTROOM_")}


@dataclass(frozen=True, slots=True)
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str

    def objects(self) -> list[dict[str, Any]]:
        """Return its JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


def postroom(config: Path, *arguments: str, answer: int | None = 0) -> Done:
    """Run one command to its end; it must end with `answer`, unless that is None."""
    done = subprocess.run(
        [sys.executable, "-m", "postroom", "-c", str(config), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=ENVIRONMENT,
        timeout=50,
    )
    assert "Traceback" not in done.stderr, done.stderr
    assert answer is None or done.returncode == answer, f"ended with {done.returncode}: {done.stderr}"
    return Done(done.returncode, done.stdout, done.stderr)
