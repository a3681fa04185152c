"""Real servers, started once for all tests that need them."""

from __future__ import annotations

from tests.servers.fixtures import dovecot, postgres

__all__ = ["dovecot", "postgres"]
