"""A secret that shows itself to nobody."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A password, key or token that no repr, log line or traceback shows."""

    _value: str

    def reveal(self) -> str:
        """Return the secret itself; call it only where it is sent."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('********')"
