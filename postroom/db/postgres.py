"""What a PostgreSQL connection is told first."""

from __future__ import annotations

from typing import Any, Final

# A host that hangs or lost its network must not hold a row for longer than its lease would last, and must
# find out within one lease itself that the database is gone.
_SESSION: Final = {
    "timezone": "UTC",
    "idle_in_transaction_session_timeout": "30s",
    "lock_timeout": "20s",
    "statement_timeout": "120s",
}
_CONNECT: Final = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "application_name": "postroom",
    "options": " ".join(f"-c {name}={value}" for name, value in _SESSION.items()),
}

CHOICES: Final[dict[str, Any]] = {"connect_args": _CONNECT, "pool_size": 5, "max_overflow": 15}
"""The arguments of create_engine."""

READS_ONE_STATE: Final = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
"""The engine's options under which all statements of one transaction see the same state."""
