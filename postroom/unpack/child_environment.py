"""What a child of ours is told of the world."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# Enough to start Python and to find a temporary folder, and no secret.
_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PYTHONHOME", "TMPDIR")


def child_environment() -> dict[str, str]:
    """Return what a child is told of the world: no secret, and where our modules are."""
    kept = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    # The child finds the modules that this process found, wherever they were started from.
    return kept | {"PYTHONPATH": os.pathsep.join(str(Path(place).absolute()) for place in sys.path if place)}
