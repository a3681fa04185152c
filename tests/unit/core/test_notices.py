"""A person is told once what is wrong, once more when there is more of it, and once when it is over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from postroom.core.notices import Need, Notice, tell

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
REFUSED = Need("source orders", "E-IMAP-AUTH", "login refused")
AWAY = Need("source orders", "E-IMAP-CONNECT", "nobody answers", mends_itself=True)


class Person:
    """Somebody who is told of round after round, `minutes` after noon."""

    def __init__(self) -> None:
        self.known: dict[str, Notice] = {}

    def hears(self, minutes: int, *needs: Need) -> tuple[list[str], list[str]]:
        """Return the codes of what is new, and the names of what is over."""
        told = tell(needs, self.known, NOON + timedelta(minutes=minutes))
        self.known = {notice.name: notice for notice in told.kept}
        return [need.code for need in told.new], [notice.name for notice in told.over]


def story(*rounds: tuple[int, Sequence[Need]]) -> list[tuple[list[str], list[str]]]:
    person = Person()
    return [person.hears(minutes, *needs) for minutes, needs in rounds]


def test_what_needs_a_person_is_said_once_and_once_when_it_is_over() -> None:
    told = story((0, [REFUSED]), (2, [REFUSED]), (4, [REFUSED]), (6, []), (8, []))

    assert told == [(["E-IMAP-AUTH"], []), ([], []), ([], []), ([], ["source orders"]), ([], [])]


def test_what_mostly_mends_itself_is_said_when_it_lasts_an_hour() -> None:
    told = story((0, [AWAY]), (58, [AWAY]), (60, [AWAY]), (62, [AWAY]), (64, []))

    assert told == [([], []), ([], []), (["E-IMAP-CONNECT"], []), ([], []), ([], ["source orders"])]


def test_what_passed_by_itself_is_never_spoken_of() -> None:
    assert story((0, [AWAY]), (30, []), (60, [AWAY]), (90, [])) == [([], [])] * 4


def test_another_trouble_of_the_same_source_is_news() -> None:
    folder = Need("source orders", "E-IMAP-FOLDER", "no such folder")

    told = story((0, [REFUSED]), (2, [folder]), (4, [folder]))

    assert told == [(["E-IMAP-AUTH"], []), (["E-IMAP-FOLDER"], []), ([], [])]


def test_a_network_that_fails_in_between_neither_is_news_nor_ends_anything() -> None:
    told = story((0, [REFUSED]), (2, [AWAY]), (90, [AWAY]), (92, [REFUSED]), (94, []))

    assert told == [(["E-IMAP-AUTH"], []), ([], []), ([], []), ([], []), ([], ["source orders"])]


def test_more_of_the_same_is_news_and_less_is_not() -> None:
    ranks = (3, 3, 5, 4, 5)
    told = story(
        *((at, [Need("the quarantine", "E-UNROUTABLE", "x", rank=rank)]) for at, rank in enumerate(ranks))
    )

    assert [len(new) for new, _over in told] == [1, 0, 1, 0, 1]


def test_one_need_is_no_matter_of_another() -> None:
    other = Need("source returns", "E-IMAP-AUTH", "login refused")

    told = story((0, [REFUSED]), (2, [REFUSED, other]), (4, [other]))

    assert told == [(["E-IMAP-AUTH"], []), (["E-IMAP-AUTH"], []), ([], ["source orders"])]
