"""A function of postroom replaced in this process."""

from __future__ import annotations

import sys
from typing import Any


def swap(name: str, old: Any, new: Any) -> None:
    """Put `new` in the place of `old` in every module of postroom that calls it by that name."""
    modules = [module for key, module in sys.modules.items() if key.startswith("postroom")]
    users = [module for module in modules if getattr(module, name, None) is old]
    assert users, name
    for module in users:
        setattr(module, name, new)
