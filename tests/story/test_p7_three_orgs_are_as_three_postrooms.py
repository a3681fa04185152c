"""P7: three orgs in one postroom, interleaved at random, see what each would see in a postroom of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from postroom.db.reading_documents import documents
from postroom.db.reading_messages import MessageFilter, messages
from postroom.errors import StoreUnavailable
from tests.databases import fresh_postgres, fresh_sqlite
from tests.house import PDF, Postroom
from tests.mailbox import mail
from tests.servers.postgres import Postgres

ORGS = ("acme", "beta", "gamma")
MAILS = st.tuples(st.sampled_from(ORGS), st.integers(1, 3), st.sampled_from(["one", "two"]))


class Interleaved(RuleBasedStateMachine):
    """One postroom with three orgs beside three postrooms with one each; what happens, happens to all."""

    url_of: Callable[[Path], str]

    def __init__(self) -> None:
        super().__init__()
        self._folder = tempfile.TemporaryDirectory()
        self.together = self._open("together", ORGS, type(self).url_of)
        self.alone = {slug: self._open(slug, (slug,), fresh_sqlite) for slug in ORGS}

    def _open(self, name: str, orgs: tuple[str, ...], url_of: Callable[[Path], str]) -> Postroom:
        folder = Path(self._folder.name) / name
        folder.mkdir()
        return Postroom(folder, database_url=url_of(folder), orgs=orgs)

    @property
    def rooms(self) -> list[Postroom]:
        return [self.together, *self.alone.values()]

    @rule(arrives=MAILS)
    def a_mail_arrives(self, arrives: tuple[str, int, str]) -> None:
        slug, number, text = arrives
        raw = mail(f"<{number}@x>", to=f"orders+{slug}@in.example", text=text, po=PDF + text.encode())
        self.together.orders.put(raw)
        self.alone[slug].orders.put(raw)

    @rule()
    def the_mailbox_is_polled(self) -> None:
        self._each(lambda room: room.poll())

    @rule()
    def documents_are_taken_out(self) -> None:
        self._each(lambda room: room.extract())

    @rule()
    def what_is_owed_is_announced(self) -> None:
        self._each(lambda room: room.announce())

    @rule(seconds=st.sampled_from([31, 3600]))
    def time_passes(self, seconds: float) -> None:
        self._each(lambda room: room.clock.later(seconds))

    @rule(is_down=st.booleans())
    def the_archive_goes_or_comes_back(self, is_down: bool) -> None:
        for room in self.rooms:
            room.archive.is_down = is_down

    @rule(is_away=st.booleans())
    def the_receiver_goes_or_comes_back(self, is_away: bool) -> None:
        for room in self.rooms:
            room.receiver.is_away = is_away

    @invariant()
    def each_org_sees_what_it_would_see_alone(self) -> None:
        for slug in ORGS:
            assert seen_by(self.together, slug) == seen_by(self.alone[slug], slug)

    def teardown(self) -> None:
        for room in self.rooms:
            room.database.close()
        self._folder.cleanup()

    def _each(self, act: Callable[[Postroom], Any]) -> None:
        for room in self.rooms:
            try:
                act(room)
            except StoreUnavailable:
                assert room.archive.is_down


def seen_by(room: Postroom, slug: str) -> dict[str, list[Any]]:
    """Return all that an org is shown and told, without the ids that every postroom makes for itself."""
    org = room.directory.entry(slug)
    names = {view.id: view.source_message_id for view in messages(room.database, [org], MessageFilter())}
    return {
        "messages": sorted(
            (
                view.source_message_id,
                view.status,
                view.conflict,
                view.duplicates,
                view.documents,
                view.attempts,
            )
            for view in messages(room.database, [org], MessageFilter())
        ),
        "documents": sorted(
            (names[view.message_id], view.part_path, view.sha256) for view in documents(room.database, [org])
        ),
        "told": sorted(
            (told.event, told.body["source_message_id"]) for told in room.receiver.told if told.org == slug
        ),
    }


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_three_orgs_in_one_postroom_are_as_three_postrooms(kind: str, request: pytest.FixtureRequest) -> None:
    server: Postgres | None = request.getfixturevalue("postgres") if kind == "postgresql" else None

    class Machine(Interleaved):
        url_of = staticmethod(lambda folder: fresh_postgres(server) if server else fresh_sqlite(folder))

    few = settings(max_examples=4, stateful_step_count=15, deadline=None)
    run_state_machine_as_test(Machine, settings=few)
