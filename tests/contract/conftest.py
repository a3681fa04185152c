"""Real servers for the implementations that talk to one."""

from __future__ import annotations

from tests.house import open_postroom, postroom
from tests.servers.fixtures import dovecot, greenmail, moto, postgres, rgw

__all__ = ["dovecot", "greenmail", "moto", "open_postroom", "postgres", "postroom", "rgw"]
