"""PostgreSQL as a user meets it: made, checked, refused, mended, and away."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroom.db.schema import HEAD
from tests.command import Done, postroom
from tests.servers.postgres import PASSWORD, Postgres
from tests.servers.waiting import free_port

pytestmark = pytest.mark.postgres


class Room:
    """A configuration that names a database with nothing in it."""

    def __init__(self, folder: Path, server: Postgres) -> None:
        self.server, self.database = server, server.make_database()
        self.config = folder / "postroom.toml"
        self._folder = folder
        self.point_at()

    @property
    def place(self) -> str:
        return f"127.0.0.1:{self.server.port}/{self.database}"

    def point_at(self, *, role: str = "postroom", password: str = PASSWORD, place: str = "") -> None:
        lines = (
            f'state_dir = "{self._folder}/state"',
            "[db]",
            f'url = "postgresql://{role}@{place or self.place}"',
            f'password = "{password}"',
        )
        self.config.write_text("\n".join(lines), encoding="utf-8")
        self.config.chmod(0o600)

    def call(self, *words: str, answer: int | None = 0) -> Done:
        return postroom(self.config, *words, answer=answer)


@pytest.fixture
def room(tmp_path: Path, postgres: Postgres, own_places: None) -> Room:
    return Room(tmp_path, postgres)


def test_the_tables_are_made_once_and_then_nothing_is_left_to_do(room: Room) -> None:
    first, second = room.call("db", "upgrade"), room.call("db", "upgrade")
    revision = room.call("db", "revision")

    url = f"postgresql://postroom@{room.place}"
    assert first.out == f"{url}: made at revision {HEAD}\n"
    assert second.out == f"{url}: at revision {HEAD}, nothing to do\n"
    assert revision.out == f"{url}: revision {HEAD} (the newest)\n"


def test_check_says_that_the_role_is_ordinary_and_the_fences_stand(room: Room) -> None:
    room.call("db", "upgrade")

    lines = room.call("check", "--connect", answer=None).out.splitlines()

    assert f" ok   schema   revision {HEAD}" in lines
    assert " ok   fences   the role is an ordinary one, and row level security is in force" in lines


def test_a_superuser_is_refused_with_a_way_out(room: Room) -> None:
    room.call("db", "upgrade")
    if not room.server.execute("SELECT 1 FROM pg_roles WHERE rolname = 'boss'"):
        room.server.make_role("boss", options="SUPERUSER")
    room.point_at(role="boss")

    refused = room.call("org", "list", answer=78)

    assert "E-DB-ROLE" in refused.err
    assert "NOSUPERUSER NOBYPASSRLS" in refused.err


def test_security_that_was_switched_off_is_refused_and_put_back_by_an_upgrade(room: Room) -> None:
    room.call("db", "upgrade")
    room.server.execute("ALTER TABLE document DISABLE ROW LEVEL SECURITY", database=room.database)

    refused, mended = room.call("org", "list", answer=78), room.call("db", "upgrade")

    assert "E-DB-FENCE" in refused.err
    assert mended.out.endswith("row level security put back in force\n")
    room.call("org", "list")


def test_the_rights_for_a_role_of_its_own_are_printed_as_sql(room: Room) -> None:
    lines = room.call("db", "grants", 'in"take').out.splitlines()

    assert lines[0] == 'GRANT USAGE ON SCHEMA public TO "in""take";'
    assert all(line.startswith("GRANT ") and line.endswith(' TO "in""take";') for line in lines)


@pytest.mark.parametrize(
    ("changes", "code", "answer"),
    [
        ({"password": "wrong-canary"}, "E-DB-AUTH", 77),
        ({"place": "127.0.0.1:{port}/x"}, "E-DB", 75),
    ],
    ids=["a wrong password", "nobody there"],
)
def test_a_database_that_does_not_let_us_in_is_named(
    room: Room, changes: dict[str, str], code: str, answer: int
) -> None:
    room.point_at(**{name: value.format(port=free_port()) for name, value in changes.items()})

    refused = room.call("org", "list", answer=answer)

    assert code in refused.err
    assert "wrong-canary" not in refused.out + refused.err
