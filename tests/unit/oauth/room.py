"""A client of the identity provider, with a clock that moves when told to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from postroom.config.masked import Secret
from postroom.config.oauth_settings import Flow, Mechanism, OAuth
from postroom.oauth.client import Client
from tests.servers.identity import CLIENT, CLIENT_SECRET, IdentityProvider

USER = "orders@acme.example"


def oauth_of(provider: IdentityProvider, flow: Flow, **changes: Any) -> OAuth:
    """Return the settings of a mailbox whose tokens come from this provider."""
    values: dict[str, Any] = {
        "flow": flow,
        "client_id": CLIENT,
        "client_secret": Secret(CLIENT_SECRET),
        "secret_expires": None,
        "service_account": None,
        "token_url": f"{provider.url}/token",
        "authorize_url": f"{provider.url}/authorize",
        "device_url": f"{provider.url}/device",
        "scope": ("mail", "offline_access"),
        "mechanism": Mechanism.AUTO,
        "tls_ca": None,
    }
    return OAuth(**values | changes)


class Room:
    """Makes clients of one provider; `now` starts at the real time, since the provider looks at it."""

    def __init__(self, provider: IdentityProvider) -> None:
        self.provider = provider
        self.moment = datetime.now(UTC)

    def now(self) -> datetime:
        return self.moment

    def later(self, **duration: float) -> None:
        self.moment += timedelta(**duration)

    def client(self, flow: Flow = Flow.DEVICE_CODE, *, seconds: float = 5.0, **changes: Any) -> Client:
        return Client("orders", USER, oauth_of(self.provider, flow, **changes), self.now, seconds)
