"""The house that the stories happen in."""

from __future__ import annotations

from tests.house import open_postroom, postroom
from tests.servers.fixtures import postgres, rgw

__all__ = ["open_postroom", "postgres", "postroom", "rgw"]
