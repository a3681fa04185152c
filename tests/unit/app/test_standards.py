"""Which rules hold for a message: the narrower place wins."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest

from postroom.app.standards import rules_for, standards
from postroom.config.settings import Settings
from postroom.core.rules import Body, Inline
from postroom.db.values import Claim
from tests.unit.config.desk import Desk

NOBODY = UUID(int=0)
BOX = 'host = "h"\nuser = "u"\npassword = "p"\n'


def settings(tmp_path: Path, text: str) -> Settings:
    return Desk(tmp_path).load(text).settings


def claim(org: str) -> Claim:
    return Claim(NOBODY, NOBODY, org, "<1@x>", "key", "ab" * 32, 1, attempts=0, token=1)


FOUR_PLACES = (
    '[documents]\ninline = "unshown"\nnames = ["general"]\n'
    '[org.acme.documents]\nnames = ["org"]\nbody = ["text"]\n'
    f'[mailbox.shared]\n{BOX}documents.names = ["shared"]\ndocuments.kinds = ["image/*"]\n'
    '[maildir.own]\npath = "x"\norg = "acme"\ndocuments.names = ["own"]\n'
)


@pytest.mark.parametrize(
    ("org", "source", "names"),
    [
        pytest.param("beta", "elsewhere", "general", id="nothing narrower"),
        pytest.param("acme", "elsewhere", "org", id="an org over a source without rules"),
        pytest.param("beta", "shared", "shared", id="a source for many orgs, an org without rules"),
        pytest.param("acme", "shared", "org", id="an org is narrower than a source for many"),
        pytest.param("acme", "own", "own", id="an org's own source is narrower than the org"),
        pytest.param("acme", "own@host1", "own", id="a host's own Maildir of that name"),
    ],
)
def test_the_narrower_place_wins(tmp_path: Path, org: str, source: str, names: str) -> None:
    found = rules_for(settings(tmp_path, FOUR_PLACES), org=org, source=source)

    assert found.names == (names,)


def test_each_key_comes_from_the_narrowest_place_that_sets_it(tmp_path: Path) -> None:
    found = rules_for(settings(tmp_path, FOUR_PLACES), org="acme", source="shared")

    assert (found.inline, found.kinds, found.names, found.body) == (
        Inline.UNSHOWN,
        ("image/*",),
        ("org",),
        (Body.TEXT,),
    )


def test_the_source_is_asked_for_only_where_one_has_rules(tmp_path: Path) -> None:
    asked: list[str] = []

    def source_of(claim: Claim) -> str:
        asked.append(claim.org)
        return "shared"

    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    without = standards(settings(tmp_path / "a", f"[mailbox.shared]\n{BOX}"), source_of)
    with_rules = standards(settings(tmp_path / "b", FOUR_PLACES), source_of)

    assert without(claim("beta")).rules.names == ("*",)
    assert with_rules(claim("beta")).rules.names == ("shared",)
    assert asked == ["beta"]
