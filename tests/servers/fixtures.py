"""The servers as fixtures: one of each for a whole run, a mailbox of its own for each test."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from postroom.config.settings import Action, After, Mailbox, Recipients, Secret, Tls, Zone
from tests.servers.dovecot import PACKAGE, PASSWORD, Dovecot, found_version

_users = itertools.count(1)


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    """A running Dovecot; without the package the test is skipped by name, and in CI it fails."""
    with running_dovecot() as server:
        yield server


@contextmanager
def running_dovecot(capability: str = "") -> Iterator[Dovecot]:
    """Run a Dovecot of its own as long as the block lasts."""
    if not found_version().startswith("2.3."):
        _missing(f"needs {PACKAGE}, version 2.3")
    # Not under pytest's own folder: as root, Dovecot's other users could not walk into it.
    with tempfile.TemporaryDirectory(prefix="dovecot-") as root:
        server = Dovecot(Path(root), capability)
        try:
            server.start()
            yield server
        finally:
            server.stop()


def fresh_mailbox(dovecot: Dovecot, action: Action = Action.KEEP) -> Mailbox:
    """Return the settings of a mailbox that no other test uses, over implicit TLS."""
    user = f"orders{next(_users)}"
    dovecot.add_user(user)
    return Mailbox(
        name="orders",
        host="localhost",
        port=dovecot.tls_port,
        user=user,
        password=Secret(PASSWORD),
        tls=Tls.IMPLICIT,
        tls_ca=dovecot.ca,
        tls_verify=True,
        folders=("INBOX",),
        since_seconds=None,
        poll_seconds=60.0,
        max_per_poll=200,
        after=After(action, folder="Processed", flag="$Taken"),
        recipients=Recipients(org="acme", trust=(), trusted_hops=0, trusted_zone=Zone.ALL, to_cc=False),
    )


def _missing(what: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}: in CI every real server must be there")
    pytest.skip(what)
