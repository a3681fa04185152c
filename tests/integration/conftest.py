"""Real servers, started once for all tests that need them."""

from __future__ import annotations

import pytest

from tests.command import ENVIRONMENT
from tests.databases import fresh_postgres, on_cluster_leg
from tests.servers.fixtures import (
    dovecot,
    greenmail,
    identity,
    imap_server,
    moto,
    postfix_root,
    postgres,
    provider,
    rgw,
    token_dovecot,
)
from tests.servers.postgres import PASSWORD

__all__ = [
    "dovecot",
    "greenmail",
    "identity",
    "imap_server",
    "moto",
    "postfix_root",
    "postgres",
    "provider",
    "rgw",
    "token_dovecot",
]


@pytest.fixture(autouse=True)
def leg(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the cluster leg, let every postroom that a test starts keep its rows and objects in real services.

    Nothing else in its configuration changes: these are the four lines by which a house grows.
    """
    if not on_cluster_leg():
        return
    service = request.getfixturevalue("rgw").service
    url = fresh_postgres(request.getfixturevalue("postgres"))
    place = url.replace(f":{PASSWORD.replace(' ', '%20')}@", "@")
    storage = service.storage(service.fresh_bucket(), "mail")
    four_lines = {
        "POSTROOM_DB__URL": place,
        "POSTROOM_DB__PASSWORD": PASSWORD,
        "POSTROOM_STORAGE__URL": storage.url,
        "POSTROOM_STORAGE__ACCESS_KEY": service.access_key,
        "POSTROOM_STORAGE__SECRET_KEY": service.secret_key,
    }
    for name, value in four_lines.items():
        monkeypatch.setitem(ENVIRONMENT, name, value)


@pytest.fixture
def own_places(leg: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a test's own configuration say where rows and objects are, on whichever leg it runs."""
    for name in [name for name in ENVIRONMENT if name.startswith(("POSTROOM_DB", "POSTROOM_STORAGE"))]:
        monkeypatch.delitem(ENVIRONMENT, name)
