"""What stays up while postrooms die."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.crash.serving import Servers, running_servers


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """The nursery, and the servers that a stage asks for; each is started when it is first needed."""
    with running_servers() as running:
        yield running
