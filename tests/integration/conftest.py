"""Real servers, started once for all tests that need them."""

from __future__ import annotations

from tests.servers.fixtures import dovecot, postfix_root, postgres

__all__ = ["dovecot", "postfix_root", "postgres"]
