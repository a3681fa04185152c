"""Reading a letter: the same however its file is read, no more of it than is needed, and only that file."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from postroom import maildir
from postroom.core.headers import read_header_block
from postroom.core.identity import content_sha256
from postroom.core.limits import DEFAULT_LIMITS
from postroom.core.places import Place
from postroom.core.routing import Rule
from postroom.errors import SourceChanged
from postroom.fetcher.source import Fetched
from postroom.pipeline.letter import read_letter
from tests.house import ORDERS, Postroom
from tests.mailbox import mail

ROOT = Path(__file__).parents[3]
RULE = Rule(ORDERS)
SHORT = replace(DEFAULT_LIMITS, header_bytes=20)


def fetched(path: Path, raw: bytes) -> Fetched:
    path.write_bytes(raw)
    digest = hashlib.sha256(raw).hexdigest()
    return Fetched(
        Place("intake", "", file_name=path.name), path, digest, len(raw), datetime(2025, 3, 4, tzinfo=UTC)
    )


PIECES = st.sampled_from(
    [b"Subject: x", b"Content-Type: a/b;", b"\r\n", b"\n", b"\r", b" c=d", b"--", b"text", b"From a b", b":"]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PIECES, max_size=25).map(b"".join))
def test_a_mail_read_in_blocks_has_the_digest_that_it_has_as_a_whole(tmp_path: Path, raw: bytes) -> None:
    block = read_header_block(raw, limits=SHORT)

    letter = read_letter(fetched(tmp_path / "mail", raw), RULE, SHORT)

    assert letter.content_sha256 == content_sha256(block, [raw[block.body_start :]])


def test_of_a_mail_over_the_limit_only_the_header_is_read(tmp_path: Path) -> None:
    limits = replace(DEFAULT_LIMITS, message_bytes=100)
    first = fetched(tmp_path / "1", mail(text="one" * 100))
    other = fetched(tmp_path / "2", mail(text="two" * 100))

    letters = [read_letter(one, RULE, limits) for one in (first, other)]

    assert [letter.subject for letter in letters] == ["an order", "an order"]
    assert letters[0].content_sha256 == letters[1].content_sha256


def test_other_bytes_than_were_fetched_are_no_letter(tmp_path: Path) -> None:
    one = fetched(tmp_path / "mail", mail("<1@x>"))
    one.path.write_bytes(mail("<2@x>"))

    with pytest.raises(SourceChanged, match="changed while it was read"):
        read_letter(one, RULE, DEFAULT_LIMITS)


@pytest.mark.parametrize("what", ["folder", "link", "pipe"])
def test_what_lies_in_the_place_of_a_mail_that_was_read_stays(
    postroom: Postroom, tmp_path: Path, what: str
) -> None:
    maildir.create(tmp_path / "Maildir")
    names = [maildir.deliver(tmp_path / "Maildir", mail(f"<{number}@x>")) for number in range(2)]
    source = postroom.maildir(tmp_path / "Maildir")
    (batch,) = source.batches(postroom.memory("intake"), limit=9)
    path = tmp_path / "Maildir" / "new" / names[0]
    path.rename(tmp_path / "elsewhere")
    acts: dict[str, Callable[[], object]] = {
        "folder": path.mkdir,
        "link": lambda: path.symlink_to(tmp_path / "elsewhere"),
        "pipe": lambda: os.mkfifo(path),
    }
    acts[what]()

    tally = postroom.accept(batch, desk=postroom.desk("intake"), settle=source.settle)

    assert tally.taken == 2
    assert list(path.parent.iterdir()) == [path]


def test_a_disk_that_fails_under_a_mail_is_no_outage_of_the_archive(
    postroom: Postroom, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = fetched(tmp_path / "mail", mail("<1@x>"))
    opened = os.open

    def fail(path: Path, flags: int, mode: int = 0o777) -> int:
        if Path(path) == one.path:
            raise OSError(5, "Input/output error", str(path))
        return opened(path, flags, mode)

    monkeypatch.setattr(os, "open", fail)

    with pytest.raises(SourceChanged, match="/mail: Input/output error"):
        read_letter(one, RULE, DEFAULT_LIMITS)


ONE_ROUND = """
import resource, sys
from dataclasses import replace
from pathlib import Path
from postroom.core.limits import DEFAULT_LIMITS, MIB
from tests.databases import fresh_sqlite
from tests.house import Postroom

folder = Path(sys.argv[1])
limits = replace(DEFAULT_LIMITS, message_bytes=50 * MIB)
room = Postroom(folder, database_url=fresh_sqlite(folder), limits=limits)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
tally = room.poll(room.maildir(Path(sys.argv[2])))
grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
print(tally.taken, tally.quarantined, room.held()[0].code, grown < 60 * 1024)
room.database.close()
"""


def test_a_huge_file_takes_no_more_memory_than_its_neighbour(tmp_path: Path) -> None:
    maildir.create(tmp_path / "Maildir")
    (tmp_path / "house").mkdir()
    with (tmp_path / "Maildir" / "new" / "1.huge").open("wb") as file:
        file.write(mail("<huge@x>"))
        file.truncate(300_000_000)
    maildir.deliver(tmp_path / "Maildir", mail("<small@x>"))

    done = subprocess.run(
        [sys.executable, "-c", ONE_ROUND, tmp_path / "house", tmp_path / "Maildir"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )

    assert done.stdout.splitlines()[-1] == "1 1 too-large True"
