"""How every target is started."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import atheris


def fuzz(target: Callable[[bytes], object]) -> None:
    """Run `target` on ever new bytes; the first folder named is made, for what is worth keeping."""
    folders = [word for word in sys.argv[1:] if not word.startswith("-")]
    if folders:
        Path(folders[0]).mkdir(parents=True, exist_ok=True)
    atheris.instrument_all()
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()
