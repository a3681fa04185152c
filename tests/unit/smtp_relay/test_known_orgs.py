"""A short outage of the directory is bridged for the orgs that were known before it."""

from __future__ import annotations

import asyncio

from postroom.errors import DatabaseUnavailable
from postroom.smtp_relay.known_orgs import KnownOrgs, Verdict


class Directory:
    def __init__(self) -> None:
        self.orgs = {"acme"}
        self.is_away = False
        self.asked: list[str] = []

    async def knows(self, slug: str) -> bool:
        self.asked.append(slug)
        if self.is_away:
            raise DatabaseUnavailable("away")
        return slug in self.orgs


class Question:
    """One KnownOrgs with a clock that the test moves."""

    def __init__(self) -> None:
        self.directory = Directory()
        self.now = 1000.0
        self._known = KnownOrgs(self.directory.knows, clock=lambda: self.now)

    def __call__(self, slug: str) -> Verdict:
        return asyncio.run(self._known.verdict(slug))


def test_a_known_org_is_not_asked_for_again_at_once() -> None:
    verdict = Question()

    assert (verdict("acme"), verdict("acme")) == (Verdict.KNOWN, Verdict.KNOWN)

    assert verdict.directory.asked == ["acme"]


def test_a_new_org_gets_its_first_mail_at_once() -> None:
    verdict = Question()
    assert verdict("beta") is Verdict.UNKNOWN

    verdict.directory.orgs.add("beta")

    assert verdict("beta") is Verdict.KNOWN


def test_an_org_that_was_taken_away_is_unknown_within_half_a_minute() -> None:
    verdict = Question()
    assert verdict("acme") is Verdict.KNOWN

    verdict.directory.orgs.clear()
    verdict.now += 31

    assert verdict("acme") is Verdict.UNKNOWN


def test_an_outage_of_an_hour_is_bridged_and_no_more() -> None:
    verdict = Question()
    assert verdict("acme") is Verdict.KNOWN

    verdict.directory.is_away = True
    verdict.now += 3599
    within = verdict("acme")
    verdict.now += 2
    after = verdict("acme")

    assert (within, after) == (Verdict.KNOWN, Verdict.AWAY)


def test_an_org_nobody_asked_for_before_the_outage_is_put_off() -> None:
    verdict = Question()
    verdict.directory.is_away = True

    assert verdict("acme") is Verdict.AWAY
