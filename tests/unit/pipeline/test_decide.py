"""What is decided about a letter: who gets it, or why nobody does."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest

from postroom.core.limits import DEFAULT_LIMITS
from postroom.core.places import Place
from postroom.core.routing import Target
from postroom.db.values import EMAIL, Key, Org
from postroom.fetcher.source import Fetched
from postroom.pipeline.decide import decisions, slugs
from postroom.pipeline.letter import Letter

ACME = Org(UUID(int=1), "acme")
BETA = Org(UUID(int=2), "beta", allow_from=("*@beta.example", "@scan.example", "boss@home.example"))
GONE = Org(UUID(int=3), "gone", suspended=True)
ORGS = {"acme": ACME, "inc": ACME, "beta": BETA, "gone": GONE}


def letter(
    *named: str | None, sender: str | None = "anna@customer.example", size: int = 478, whole: bool = True
) -> Letter:
    """Return a letter for these slugs; None stands for a recipient that fits nothing."""
    moment = datetime(2025, 3, 4, tzinfo=UTC)
    fetched = Fetched(Place("orders", "INBOX", 7, 1), Path("spool"), "ab" * 32, size, moment, whole=whole)
    targets = tuple(
        Target(slug, f"to {slug}", "Envelope-To", "" if slug else "who is this?") for slug in named
    )
    return Letter(fetched, targets, "<1@x>", "cd" * 32, sender, None, None, None)


def outcome(letter: Letter) -> list[tuple[str | None, str | None]]:
    return [
        (decision.org.slug if decision.org else None, decision.refusal.code if decision.refusal else None)
        for decision in decisions(letter, ORGS, DEFAULT_LIMITS)
    ]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        pytest.param(letter("acme"), [("acme", None)], id="an org"),
        pytest.param(letter("inc"), [("acme", None)], id="an alias"),
        pytest.param(
            letter("acme", "inc", "acme"), [("acme", None)], id="one org by several slugs counts once"
        ),
        pytest.param(letter("nope"), [(None, "unknown-org")], id="no such org"),
        pytest.param(letter(None), [(None, "unroutable")], id="no slug"),
        pytest.param(letter("gone"), [(None, "suspended-org")], id="suspended"),
        pytest.param(letter("beta"), [(None, "sender-refused")], id="a sender that is not allowed"),
        pytest.param(letter("acme", "nope", None), [("acme", None), (None, "unknown-org")], id="one refusal"),
        pytest.param(letter("acme", size=50 * 2**20 + 1), [(None, "too-large")], id="over the limit"),
        pytest.param(letter("acme", size=50 * 2**20), [("acme", None)], id="as big as the limit"),
        pytest.param(letter("acme", whole=False), [(None, "too-large")], id="only its header came"),
    ],
)
def test_each_letter_goes_to_its_orgs_or_is_refused_once(
    asked: Letter, found: list[tuple[str | None, str | None]]
) -> None:
    assert outcome(asked) == found


@pytest.mark.parametrize(
    ("sender", "allowed"),
    [
        pytest.param("anna@beta.example", True, id="the domain"),
        pytest.param("Anna@BETA.Example", True, id="case does not matter"),
        pytest.param("a@scan.example", True, id="the short form"),
        pytest.param("boss@home.example", True, id="one address"),
        pytest.param("anna@sub.beta.example", False, id="a sub-domain is another domain"),
        pytest.param("anna@notscan.example", False, id="the short form begins at the at-sign"),
        pytest.param("anna@beta.example.evil.example", False, id="more behind"),
        pytest.param("boss@home.example.evil", False, id="more behind an address"),
        pytest.param(None, False, id="nobody"),
    ],
)
def test_an_org_may_say_whose_mail_it_takes(sender: str | None, allowed: bool) -> None:
    assert outcome(letter("beta", sender=sender)) == [("beta", None) if allowed else (None, "sender-refused")]


def test_a_refusal_says_all_its_reasons() -> None:
    (refused,) = decisions(letter("nope", "gone", None, "beta"), ORGS, DEFAULT_LIMITS)

    assert refused.refusal is not None
    assert refused.refusal.reason == (
        'no org "nope"; the org "gone" is suspended; who is this?; '
        '"beta" takes no mail from anna@customer.example'
    )


def test_a_decision_knows_the_key_of_its_message() -> None:
    taken, refused = decisions(letter("acme", "nope"), ORGS, DEFAULT_LIMITS)

    assert (taken.key, refused.key) == (Key(ACME.id, EMAIL, "<1@x>"), None)


def test_all_slugs_that_are_named_are_asked_for() -> None:
    assert slugs([letter("acme", None), letter("nope", "acme")]) == {"acme", "nope"}
