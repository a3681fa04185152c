"""How every target is started."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import atheris


def fuzz(target: Callable[[bytes], object], *, longest: int) -> None:
    """Run `target` on ever new bytes; the first folder named is made, for what is worth keeping.

    No input is longer than `longest` bytes, and no more of a seed is used: the less one call costs, the more
    calls there are.
    """
    folders = [word for word in sys.argv[1:] if not word.startswith("-")]
    if folders:
        Path(folders[0]).mkdir(parents=True, exist_ok=True)
    if not any(word.startswith("-max_len=") for word in sys.argv):
        sys.argv.append(f"-max_len={longest}")
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()
