"""How long a source in trouble rests: by what its trouble is, and never for ever."""

from __future__ import annotations

from dataclasses import replace

import pytest

from postroom.errors import ConnectFailed, LoginRefused, ServerFault, TransientError
from postroom.jobs.draining import back_off_seconds
from tests.house import Postroom


@pytest.mark.parametrize(
    ("error", "pauses"),
    [
        pytest.param(ConnectFailed("x"), [120, 240, 480, 900, 900], id="the network"),
        pytest.param(ServerFault("x"), [120, 240, 480, 900, 900], id="the server"),
        pytest.param(LoginRefused("x"), [120, 240, 480, 960, 3600], id="the login"),
    ],
)
def test_the_pauses_double_up_to_a_bound(
    postroom: Postroom, error: TransientError, pauses: list[int]
) -> None:
    house = replace(postroom.house, jitter=lambda: 0.0)
    kit = replace(postroom.kit(postroom.orders), poll_seconds=60.0)

    rests = [back_off_seconds(failures, error, kit, house) for failures in (1, 2, 3, 4, 9)]

    assert rests == pauses


def test_a_source_that_is_polled_rarely_is_polled_no_more_often_for_its_trouble(postroom: Postroom) -> None:
    house = replace(postroom.house, jitter=lambda: 0.0)
    kit = replace(postroom.kit(postroom.orders), poll_seconds=86_400.0)

    assert back_off_seconds(1, ConnectFailed("x"), kit, house) == 86_400.0
