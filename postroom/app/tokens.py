"""The tokens of the mailboxes that are opened by OAuth 2.0: who keeps them, and when they end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from postroom.app.compose import App
from postroom.app.database import connected, database_revision
from postroom.config.oauth import keys_in
from postroom.config.settings import Mailbox, Settings
from postroom.db.clock import DatabaseClock
from postroom.db.engine import Database
from postroom.db.oauth_tokens import SqlTokens
from postroom.db.schema import require_head
from postroom.errors import LoginNeeded
from postroom.oauth.ends import ALARM, first_end
from postroom.oauth.store import FleetingStore, TokenStore

if TYPE_CHECKING:
    from postroom.oauth.client import Client
    from postroom.oauth.keeper import TokenKeeper


@dataclass(frozen=True, slots=True)
class TokenLife:
    """How long a mailbox can be opened: `expires_at` of the access token is renewed by itself.

    At `ends_at` a person is needed; None where nobody knows.  `is_near` says that it is time to do it.
    Without a token, `expires_at` is None, and `needs_login` says whether somebody has to get one.
    """

    expires_at: datetime | None
    ends_at: datetime | None
    is_near: bool
    needs_login: bool


def client_for(mailbox: Mailbox, now: Callable[[], datetime]) -> Client:
    """Return what asks for the tokens of a mailbox that has an oauth table."""
    from postroom.oauth.client import Client  # noqa: PLC0415  (most postrooms need no OAuth)

    assert mailbox.oauth is not None  # noqa: S101  (the caller has looked)
    return Client(mailbox.name, mailbox.user, mailbox.oauth, now)


def keeper_for(
    database: Database, settings: Settings, mailbox: Mailbox, now: Callable[[], datetime]
) -> TokenKeeper | None:
    """Return what keeps the token of a mailbox, None where it has a password; secrets are fetched already."""
    return _keeper(SqlTokens(database, mailbox.name, now), settings, mailbox, now)


def _keeper(
    store: TokenStore, settings: Settings, mailbox: Mailbox, now: Callable[[], datetime]
) -> TokenKeeper | None:
    if mailbox.oauth is None or settings.oauth_key is None:
        return None
    from postroom.oauth.keeper import TokenKeeper  # noqa: PLC0415  (as above)
    from postroom.oauth.sealing import Sealer  # noqa: PLC0415  (as above)

    client = client_for(mailbox, now)
    sealer = Sealer(keys_in(settings.oauth_key), source=mailbox.name, account=client.account)
    return TokenKeeper(client, store, sealer, pause=time.sleep)


@contextmanager
def keeper_of(settings: Settings, mailbox: Mailbox) -> Iterator[TokenKeeper | None]:
    """Yield the same without an opened postroom, for `check`: no database is made, and none is upgraded.

    Without a database, a flow that needs no person is tried and nothing is kept.  Raises LoginNeeded for one
    that does, SchemaMismatch, DatabaseUnavailable.
    """
    if mailbox.oauth is None:
        yield None
        return
    if database_revision(settings) is None:
        if not mailbox.oauth.flow.needs_a_person:
            yield _keeper(FleetingStore(), settings, mailbox, lambda: datetime.now(UTC))
            return
        raise LoginNeeded(
            f"there is no database yet that could have a token of {mailbox.name}",
            fix=f"postroom oauth login {mailbox.name}",
        )
    with connected(settings) as database:
        require_head(database)
        yield keeper_for(database, settings, mailbox, DatabaseClock(database))


def token_lives(app: App, now: datetime) -> dict[str, TokenLife]:
    """Return how long each mailbox with an oauth table can be opened, by name; no secret is needed."""
    lives = {}
    for name, mailbox in app.settings.mailbox.items():
        if mailbox.oauth is None:
            continue
        kept = SqlTokens(app.database, name, app.now).find()
        end = first_end(mailbox.oauth, kept.ends_at if kept else None)
        lives[name] = TokenLife(
            expires_at=kept.expires_at if kept else None,
            ends_at=end,
            is_near=end is not None and end - now < ALARM,
            needs_login=kept is None and mailbox.oauth.flow.needs_a_person,
        )
    return lives
