"""Many hosts, one login: a refresh token is used once, and what it brought is never lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from postroom.config.masked import Secret
from postroom.config.oauth_settings import Flow
from postroom.core.sealed import SealedToken
from postroom.db.engine import Database, open_database
from postroom.db.oauth_tokens import SqlTokens
from postroom.errors import (
    DatabaseUnavailable,
    LoginNeeded,
    TokenServerFault,
    TokenUnreadable,
)
from postroom.oauth.client import Client
from postroom.oauth.keeper import TokenKeeper
from postroom.oauth.sealing import Sealer, new_key
from postroom.oauth.store import TokenStore
from postroom.oauth.tokens import Token
from tests.servers.fixtures import identity as identity  # noqa: PLC0414  (pytest finds it here)
from tests.servers.identity import IdentityProvider
from tests.unit.oauth.room import USER, oauth_of

KEY, OLD_KEY = new_key(), new_key()
PAUSE = threading.Event().wait


class Hosts:
    """Keepers of the same token, each as on a host of its own, by one clock that moves when told to."""

    def __init__(self, url: str, provider: IdentityProvider) -> None:
        self.provider, self.url = provider, url
        self.moment = datetime.now(UTC)
        self.databases: list[Database] = []

    def now(self) -> datetime:
        return self.moment

    def store(self) -> SqlTokens:
        self.databases.append(open_database(self.url))
        return SqlTokens(self.databases[-1], "orders", self.now)

    def keeper(
        self,
        *keys: str,
        flow: Flow = Flow.DEVICE_CODE,
        store: TokenStore | None = None,
        pause: Callable[[float], object] = PAUSE,
        patience_seconds: float = 45,
        **changes: Any,
    ) -> TokenKeeper:
        client = Client("orders", USER, oauth_of(self.provider, flow, **changes), self.now, 5.0)
        sealer = Sealer(keys or (KEY,), source="orders", account=client.account)
        store = store or self.store()
        return TokenKeeper(client, store, sealer, pause=pause, patience_seconds=patience_seconds)

    def log_in(self, *, minutes_left: float) -> TokenKeeper:
        """Store the token of a login; return the keeper that stored it."""
        keeper = self.keeper()
        refresh = Secret(self.provider.log_in(USER))
        end = self.moment + timedelta(minutes=minutes_left)
        keeper.store(Token(Secret("first"), refresh, end - timedelta(hours=1), end, None))
        return keeper


@pytest.fixture
def hosts(database_url: str, identity: IdentityProvider) -> Iterator[Hosts]:
    identity.calm()
    hosts = Hosts(database_url, identity)
    yield hosts
    for database in hosts.databases:
        database.close()
    identity.calm()


def test_a_token_that_is_good_is_used_as_it_is(hosts: Hosts) -> None:
    hosts.log_in(minutes_left=30)

    assert hosts.keeper().token() == Secret("first")
    assert hosts.provider.asked == []


def test_a_token_is_renewed_ahead_of_its_end(hosts: Hosts) -> None:
    hosts.log_in(minutes_left=4)

    token = hosts.keeper().token()

    assert hosts.provider.access == {token.reveal(): USER}
    assert hosts.keeper().token() == token
    assert hosts.provider.grants() == ["refresh_token"]


def test_many_hosts_at_once_use_a_refresh_token_once(hosts: Hosts) -> None:
    hosts.log_in(minutes_left=-1)
    keepers = [hosts.keeper() for _ in range(6)]
    together, got = threading.Barrier(len(keepers)), list[Secret]()

    def ask(keeper: TokenKeeper) -> None:
        together.wait(20)
        got.append(keeper.token())

    threads = [threading.Thread(target=ask, args=(keeper,)) for keeper in keepers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(50)

    assert len(got) == 6
    assert len(set(got)) == 1
    assert hosts.provider.grants() == ["refresh_token"]


def test_every_next_refresh_token_is_the_one_that_is_kept(hosts: Hosts) -> None:
    hosts.log_in(minutes_left=-1)

    for _ in range(5):
        hosts.keeper().token()
        hosts.moment += timedelta(hours=1)

    assert hosts.provider.grants() == ["refresh_token"] * 5


def test_a_refresh_token_that_another_host_used_up_meanwhile_is_no_lost_login(hosts: Hosts) -> None:
    """A host that was frozen outlived its lease: the other's token is the one that counts."""
    hosts.log_in(minutes_left=-1)
    frozen, other = hosts.keeper(store=WithoutLease(hosts.store())), hosts.keeper()
    stuck = frozen._kept()  # noqa: SLF001  (what it had read before it froze)

    newer = other.token()
    late = frozen._asked(stuck)  # noqa: SLF001  (what it does when it thaws)

    assert late.access == newer


class WithoutLease:
    """A store whose lease always says yes: that of a host whose time is over without its knowing."""

    def __init__(self, tokens: SqlTokens) -> None:
        self._tokens = tokens
        self.is_away = False

    def find(self) -> SealedToken | None:
        return self._tokens.find()

    def replace(self, token: SealedToken) -> bool:
        if self.is_away:
            raise DatabaseUnavailable("the disk is full")
        return self._tokens.replace(token)

    @contextmanager
    def renewing(self) -> Iterator[bool]:
        yield True


def test_a_new_refresh_token_outlives_an_outage_of_the_database(hosts: Hosts) -> None:
    hosts.log_in(minutes_left=-1)
    store = WithoutLease(hosts.store())
    keeper = hosts.keeper(store=store)
    store.is_away = True
    with pytest.raises(DatabaseUnavailable):
        keeper.token()
    store.is_away = False

    token = keeper.token()

    assert hosts.provider.grants() == ["refresh_token"]
    assert hosts.keeper().token() == token


def test_a_token_server_that_is_away_stops_nothing_while_the_token_is_good(hosts: Hosts) -> None:
    hosts.log_in(minutes_left=4)
    hosts.provider.mood.says = (503, {})

    assert hosts.keeper().token() == Secret("first")

    hosts.moment += timedelta(minutes=5)
    with pytest.raises(TokenServerFault):
        hosts.keeper().token()


def test_a_host_that_hangs_over_the_renewal_is_not_waited_for_for_ever(hosts: Hosts) -> None:
    hosts.log_in(minutes_left=-1)
    waiting = hosts.keeper(patience_seconds=0)

    with hosts.store().renewing(), pytest.raises(TokenServerFault, match="another postroom renews the token"):
        waiting.token()

    assert hosts.provider.asked == []


# --- what ends ----------------------------------------------------------------------------------


def test_a_login_that_was_withdrawn_needs_a_person(hosts: Hosts) -> None:
    hosts.log_in(minutes_left=-1)
    hosts.provider.revoke(USER)

    with pytest.raises(LoginNeeded) as raised:
        hosts.keeper().token()

    assert raised.value.fix.endswith("postroom oauth login orders")


def test_a_token_of_another_account_is_none_of_ours(hosts: Hosts) -> None:
    hosts.log_in(minutes_left=30)

    with pytest.raises(LoginNeeded, match="nobody has logged in for orders yet"):
        hosts.keeper(scope=("mail",)).token()


def test_a_refused_token_is_replaced_once_and_not_again_at_every_poll(hosts: Hosts) -> None:
    keeper = hosts.log_in(minutes_left=30)

    newer = keeper.another(Secret("first"))
    again = keeper.another(newer) if newer else None

    assert newer is not None
    assert newer.reveal() in hosts.provider.access
    assert again is None
    assert keeper.another(Secret("first")) == newer


def test_a_login_takes_the_place_of_whatever_was_there(hosts: Hosts) -> None:
    hosts.log_in(minutes_left=30)
    keeper = hosts.log_in(minutes_left=-1)

    assert keeper.token().reveal() in hosts.provider.access


# --- keys ---------------------------------------------------------------------------------------


def test_a_new_key_takes_over_at_the_next_use(hosts: Hosts) -> None:
    end = hosts.moment + timedelta(minutes=30)
    token = Token(Secret("first"), Secret("r"), hosts.moment, end, None)
    hosts.keeper(OLD_KEY).store(token)

    with pytest.raises(TokenUnreadable):
        hosts.keeper(KEY).token()
    with_both = hosts.keeper(KEY, OLD_KEY).token()

    assert with_both == hosts.keeper(KEY).token() == Secret("first")


def test_without_a_person_a_lost_key_costs_one_question(hosts: Hosts) -> None:
    program = Flow.CLIENT_CREDENTIALS
    hosts.provider.app_user = USER
    hosts.keeper(OLD_KEY, flow=program).token()

    token = hosts.keeper(KEY, flow=program).token()

    assert hosts.provider.access[token.reveal()] == USER
    assert hosts.provider.grants() == ["client_credentials"] * 2
