"""What every Directory promises: a slug or alias names one org, and the config can be declared again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from uuid import UUID

import pytest

from postroom.db.engine import Database
from postroom.db.orgs import OrgEntry, SqlDirectory
from postroom.db.values import Org
from postroom.errors import OrgUnknown, UsageFault
from tests.contract.db.databases import MORNING, minutes


@pytest.fixture
def directory(database: Database) -> SqlDirectory:
    return SqlDirectory(database)


def declared(slug: str, *aliases: str, name: str = "", allow_from: tuple[str, ...] = ()) -> OrgEntry:
    return OrgEntry(UUID(int=0), slug, name, aliases, allow_from, suspended=False, created_at=MORNING)


def test_an_org_is_found_by_slug_and_alias(directory: SqlDirectory) -> None:
    acme = directory.add("acme", MORNING, allow_from=["*@acme.example"])
    directory.alias("acme", "acme-inc", MORNING)

    org = Org(acme.id, "acme", ("*@acme.example",), suspended=False)
    assert directory.resolve({"acme", "acme-inc", "nope"}) == {"acme": org, "acme-inc": org}


def test_nothing_and_unknown_slugs_resolve_to_nothing(directory: SqlDirectory) -> None:
    assert (directory.resolve(set()), directory.resolve({"nope"})) == ({}, {})


def test_tens_of_thousands_of_slugs_are_looked_up(directory: SqlDirectory) -> None:
    directory.add("acme", MORNING)

    found = directory.resolve({"acme", *(f"o{number}" for number in range(40_000))})

    assert list(found) == ["acme"]


def test_an_org_is_shown_with_all_that_is_known_of_it(directory: SqlDirectory) -> None:
    added = directory.add("acme", MORNING, name="Acme GmbH", allow_from=["*@acme.example"])
    directory.alias("acme", "b", MORNING)
    directory.alias("b", "a", MORNING)

    assert directory.entry("a") == OrgEntry(
        added.id,
        "acme",
        "Acme GmbH",
        ("a", "b"),
        ("*@acme.example",),
        suspended=False,
        created_at=MORNING,
    )


def test_all_orgs_come_by_slug(directory: SqlDirectory) -> None:
    for slug in ("beta", "acme", "zeta"):
        directory.add(slug, MORNING)

    assert [entry.slug for entry in directory.every()] == ["acme", "beta", "zeta"]


@pytest.mark.parametrize("slug", ["", "Acme", "ac me", "-acme", "a" * 64, "acme\n", "\u212aing"])
def test_a_malformed_slug_is_refused(directory: SqlDirectory, slug: str) -> None:
    directory.add("beta", MORNING)

    with pytest.raises(UsageFault, match="is no slug"):
        directory.add(slug, MORNING)
    with pytest.raises(UsageFault, match="is no slug"):
        directory.alias("beta", slug, MORNING)


def test_a_slug_names_one_org_only(directory: SqlDirectory) -> None:
    directory.add("acme", MORNING)
    directory.add("beta", MORNING)
    directory.alias("beta", "bta", MORNING)

    with pytest.raises(UsageFault, match='"acme" already names the org acme'):
        directory.add("acme", MORNING)
    with pytest.raises(UsageFault, match='"bta" already names the org beta'):
        directory.add("bta", MORNING)
    with pytest.raises(UsageFault, match='"bta" already names the org beta'):
        directory.alias("acme", "bta", MORNING)


def test_an_unknown_org_is_named_with_the_way_out(directory: SqlDirectory) -> None:
    with pytest.raises(OrgUnknown, match='there is no org "acme"') as unknown:
        directory.alias("acme", "a", MORNING)
    assert unknown.value.fix == "postroom org add acme"

    with pytest.raises(OrgUnknown) as malformed:
        directory.entry("No Slug")
    assert malformed.value.fix == ""


def test_an_org_can_be_suspended_and_taken_up_again(directory: SqlDirectory) -> None:
    directory.add("acme", MORNING)

    suspended = directory.suspend("acme", minutes(1), suspended=True)
    resolved = directory.resolve({"acme"})["acme"].suspended
    again = directory.suspend("acme", minutes(2), suspended=False)

    assert (suspended.suspended, resolved, again.suspended) == (True, True, False)


def test_hosts_that_start_at_the_same_moment_declare_the_same_orgs_once(directory: SqlDirectory) -> None:
    config = [declared(f"org-{number}", f"alias-{number}") for number in range(20)]
    hosts = Barrier(4)

    def start() -> None:
        hosts.wait(30)
        directory.declare(config, MORNING)

    with ThreadPoolExecutor(4) as starting:
        for started in [starting.submit(start) for _ in range(4)]:
            started.result()

    assert [entry.slug for entry in directory.every()] == sorted(entry.slug for entry in config)


def test_declaring_the_config_twice_changes_nothing(directory: SqlDirectory) -> None:
    config = [declared("acme", "inc", name="Acme GmbH"), declared("beta", allow_from=("*@b.example",))]
    directory.declare(config, MORNING)
    before = directory.every()

    directory.declare(config, minutes(5))

    assert directory.every() == before
    assert [(entry.slug, entry.aliases, entry.allow_from) for entry in before] == [
        ("acme", ("inc",), ()),
        ("beta", (), ("*@b.example",)),
    ]


def test_declaring_brings_what_changed_and_leaves_what_was_added_by_command(directory: SqlDirectory) -> None:
    directory.declare([declared("acme")], MORNING)
    directory.alias("acme", "by-command", MORNING)
    directory.add("gamma", MORNING)
    before = directory.entry("acme")

    directory.declare([declared("acme", "inc", name="Acme", allow_from=("*@a",))], minutes(5))

    assert directory.entry("acme") == replace(
        before, name="Acme", aliases=("by-command", "inc"), allow_from=("*@a",)
    )
    assert [entry.slug for entry in directory.every()] == ["acme", "gamma"]


@pytest.mark.parametrize(
    ("config", "fault"),
    [
        pytest.param(
            [declared("beta", "acme")],
            '[org.beta]: the alias "acme" already names the org acme',
            id="an alias that is an org",
        ),
        pytest.param(
            [declared("beta", "inc")],
            '[org.beta]: the alias "inc" already names the org acme',
            id="an alias of another org",
        ),
        pytest.param(
            [declared("inc")], '[org.inc]: "inc" is an alias of the org acme', id="an org that is an alias"
        ),
    ],
)
def test_a_config_that_gives_a_slug_to_two_orgs_is_refused_whole(
    directory: SqlDirectory, config: list[OrgEntry], fault: str
) -> None:
    directory.add("acme", MORNING)
    directory.alias("acme", "inc", MORNING)

    with pytest.raises(UsageFault) as refused:
        directory.declare(config, MORNING)

    assert str(refused.value) == fault
    assert [entry.slug for entry in directory.every()] == ["acme"]
