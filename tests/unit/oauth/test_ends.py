"""When a person is needed at the latest."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from postroom.config.oauth_settings import Flow
from postroom.oauth.ends import first_end
from tests.servers.identity import IdentityProvider
from tests.unit.oauth.room import oauth_of

LOGIN = datetime(2027, 3, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("secret", "login", "end"),
    [
        pytest.param(None, None, None, id="nobody knows"),
        pytest.param(None, LOGIN, LOGIN, id="the login"),
        pytest.param(date(2027, 2, 1), None, datetime(2027, 2, 2, tzinfo=UTC), id="the secret's last day"),
        pytest.param(date(2027, 2, 1), LOGIN, datetime(2027, 2, 2, tzinfo=UTC), id="the secret is first"),
        pytest.param(date(2028, 2, 1), LOGIN, LOGIN, id="the login is first"),
    ],
)
def test_the_first_of_the_known_ends_counts(
    secret: date | None, login: datetime | None, end: datetime | None
) -> None:
    oauth = oauth_of(IdentityProvider(), Flow.DEVICE_CODE, secret_expires=secret)

    assert first_end(oauth, login) == end
