"""Real servers, started once for all tests that need them."""

from __future__ import annotations

from tests.servers.fixtures import dovecot, moto, postfix_root, postgres, rgw

__all__ = ["dovecot", "moto", "postfix_root", "postgres", "rgw"]
