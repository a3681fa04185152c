"""An identity provider in good order, and a client of it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.servers.fixtures import identity, provider
from tests.servers.identity import IdentityProvider
from tests.unit.oauth.room import Room

__all__ = ["identity", "provider"]


@pytest.fixture
def room(provider: IdentityProvider) -> Room:
    return Room(provider)


@pytest.fixture
def pauses() -> list[float]:
    """Return the pauses that were made, which take no time."""
    return []


@pytest.fixture
def pause(pauses: list[float]) -> Callable[[float], object]:
    return pauses.append
