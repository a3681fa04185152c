"""Real servers for the implementations that talk to one."""

from __future__ import annotations

from tests.servers.fixtures import dovecot

__all__ = ["dovecot"]
