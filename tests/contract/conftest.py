"""Real servers for the implementations that talk to one."""

from __future__ import annotations

from tests.house import open_postroom, postroom
from tests.servers.fixtures import dovecot, postgres

__all__ = ["dovecot", "open_postroom", "postgres", "postroom"]
