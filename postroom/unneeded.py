"""Libraries that others would load although they can do without."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without(library: str) -> Iterator[None]:
    """Keep imports within the block from loading `library`, unless it is loaded already."""
    is_new = library not in sys.modules
    if is_new:
        sys.modules[library] = None  # type: ignore[assignment]  # how Python marks what is not to be had
    try:
        yield
    finally:
        if is_new:
            del sys.modules[library]
