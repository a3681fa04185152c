"""What lies in the database is good for nobody without the key."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from postroom.config.masked import Secret
from postroom.errors import TokenUnreadable
from postroom.oauth.sealing import Sealer, account_of, new_key
from postroom.oauth.tokens import Token

NOON = datetime(2025, 3, 4, 12, 0, tzinfo=UTC)
TOKEN = Token(Secret("access-1"), Secret("refresh-1"), NOON, NOON.replace(hour=13), NOON.replace(month=6))
OLD, NEW = new_key(), new_key()


def sealer(*keys: str, source: str = "orders", account: str = "a") -> Sealer:
    return Sealer(keys, source=source, account=account)


def test_what_is_sealed_is_opened_again() -> None:
    kept = sealer(NEW).seal(TOKEN, generation=3)

    assert sealer(NEW).open(kept) == TOKEN
    assert kept.generation == 3
    assert "access-1" not in repr(kept)
    assert "refresh-1" not in repr(kept)


def test_an_older_key_still_opens_and_is_told_apart() -> None:
    kept = sealer(OLD).seal(TOKEN, generation=1)
    rotated = sealer(NEW, OLD)

    assert rotated.open(kept) == TOKEN
    assert not rotated.is_newest(kept)
    assert rotated.is_newest(rotated.seal(TOKEN, generation=2))


def test_a_key_that_is_gone_is_told_with_the_way_out() -> None:
    kept = sealer(OLD).seal(TOKEN, generation=1)

    with pytest.raises(TokenUnreadable) as raised:
        sealer(NEW).open(kept)

    assert str(raised.value) == "the token of orders was encrypted with a key that oauth.key does not have"
    assert raised.value.fix == "put that key behind the new one; or: postroom oauth login orders"


@pytest.mark.parametrize(
    "change", [{"source": "other"}, {"account": "b"}], ids=lambda change: next(iter(change))
)
def test_a_token_of_another_source_or_account_is_none_of_ours(change: dict[str, str]) -> None:
    kept = sealer(NEW).seal(TOKEN, generation=1)

    assert sealer(NEW, **change).open(kept) is None


def test_an_account_is_all_of_its_words_in_their_order() -> None:
    assert account_of("a", "bc") != account_of("ab", "c")
    assert account_of("a", "b") == account_of("a", "b")
