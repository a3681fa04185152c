"""The four states and the only ways between them."""

from __future__ import annotations

import itertools

import pytest

from postroom.core.lifecycle import IllegalTransition, Status, check

LEGAL = [("received", "stored"), ("stored", "parsed"), ("received", "failed"), ("stored", "failed")]
REPLAYS = [("failed", "stored"), ("parsed", "stored")]
ALL = list(itertools.product(["received", "stored", "parsed", "failed"], repeat=2))


@pytest.mark.parametrize(("old", "new"), LEGAL)
def test_a_message_goes_forward(old: str, new: str) -> None:
    check(Status(old), Status(new))


@pytest.mark.parametrize(("old", "new"), [step for step in ALL if step not in LEGAL])
def test_every_other_step_is_a_bug(old: str, new: str) -> None:
    with pytest.raises(IllegalTransition, match=f"^{old} -> {new}$"):
        check(Status(old), Status(new))


@pytest.mark.parametrize(("old", "new"), REPLAYS)
def test_a_replay_goes_back_to_stored(old: str, new: str) -> None:
    check(Status(old), Status(new), replay=True)


@pytest.mark.parametrize(("old", "new"), [step for step in ALL if step not in REPLAYS])
def test_a_replay_goes_nowhere_else(old: str, new: str) -> None:
    with pytest.raises(IllegalTransition, match=f"^{old} -> {new} as a replay$"):
        check(Status(old), Status(new), replay=True)
