"""postroom as a user runs it: a process of its own, with nothing of ours in its environment.

It is forked from one that has imported everything, for a suite that starts it hundreds of times.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tests.environment import ENVIRONMENT
from tests.nursery import Nursery

__all__ = ["ENVIRONMENT", "Done", "postroom"]

_LONGEST_SECONDS = 50.0


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
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        pid = _nursery().start(["-c", str(config), *arguments], err, out=out)
        code = _nursery().wait(pid, _LONGEST_SECONDS)
        if code is None:
            _nursery().kill(pid)
        done = Done(-9 if code is None else code, out.read_text("utf-8"), err.read_text("utf-8"))
    assert code is not None, f"{arguments} did not end: {done.err}"
    assert "Traceback" not in done.err, done.err
    assert answer is None or done.code == answer, f"ended with {done.code}: {done.err}"
    return done


@cache
def _nursery() -> Nursery:
    """Return the parent of this session's commands; it ends with the session, as its standard input does."""
    return Nursery()
