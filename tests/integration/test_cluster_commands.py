"""The commands where hosts share a PostgreSQL: each host its state_dir, its Maildirs and its lock."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from postroom import maildir
from tests.command import ENVIRONMENT, postroom
from tests.crash.ledger import Post
from tests.servers.postgres import Postgres
from tests.servers.waiting import wait_until

pytestmark = [pytest.mark.postgres, pytest.mark.usefixtures("own_places")]


@pytest.fixture
def database(postgres: Postgres) -> Iterator[str]:
    name = postgres.make_database()
    yield name
    postgres.drop_database(name)


@pytest.fixture
def section(postgres: Postgres, database: str) -> str:
    return postgres.section(database)


def host(folder: Path, name: str, section: str) -> Path:
    """Return the configuration of a host with a Maildir of its own and an archive that all share."""
    place = folder / name
    place.mkdir()
    maildir.create(place / "Maildir")
    config = place / "postroom.toml"
    config.write_text(
        f'state_dir = "{place}/state"\n{section}[storage]\nurl = "file://{folder}/archive"\n'
        '[orgs]\naddress = "orders+{org}@in.test"\n[org.acme]\n[org.beta]\n[org.gamma]\n'
        f'[maildir.{name}]\npath = "{place}/Maildir"\n',  # here all hosts have one name: their sources do not
        encoding="utf-8",
    )
    config.chmod(0o600)
    return config


def facts(config: Path, *arguments: str) -> dict[str, Any]:
    (answer,) = postroom(config, *arguments, "--json").objects()
    return answer


@contextmanager
def service(config: Path, command: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a service until the block ends; it must end with 0 when asked to."""
    log = config.parent / "log"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "postroom", "-c", str(config), command, *options],
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            env=ENVIRONMENT,
        )
    try:
        wait_until(lambda: b'"started"' in log.read_bytes(), f"{command} to start", 60)
        yield process
        process.terminate()
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


def test_a_round_takes_mail_where_hosts_share_a_database(tmp_path: Path, section: str) -> None:
    config, post = host(tmp_path, "one", section), Post(1)
    maildir.deliver(tmp_path / "one" / "Maildir", post.write().raw)

    answer = facts(config, "fetch", "--once")

    assert (answer["taken"], answer["failed"], answer["exit"]) == (1, 0, 0)
    assert answer["documents"] >= 1


def test_a_maildir_is_its_hosts_own_and_status_says_so(tmp_path: Path, section: str) -> None:
    config = host(tmp_path, "one", section)

    postroom(config, "fetch", "--once", "one")

    (source,) = facts(config, "status")["sources"]
    assert (source["name"], source["state"]) == (f"one@{socket.gethostname()}", "ok")


def test_a_round_without_a_service_leaves_no_job_behind(
    tmp_path: Path, section: str, postgres: Postgres, database: str
) -> None:
    config = host(tmp_path, "one", section)
    maildir.deliver(tmp_path / "one" / "Maildir", Post(1).write().raw)

    postroom(config, "fetch", "--once")

    assert postgres.execute("SELECT count(*) FROM procrastinate_jobs", database=database) == [(0,)]


@pytest.mark.timeout(180)
def test_two_hosts_and_a_worker_take_what_comes_to_each_and_stop_when_asked(
    tmp_path: Path, section: str, postgres: Postgres, database: str
) -> None:
    one, two, third = (host(tmp_path, name, section) for name in ("one", "two", "three"))
    post = Post(1)

    with service(one, "run"), service(two, "run"), service(third, "worker", "--profile"):
        for number in range(6):
            maildir.deliver(tmp_path / ("one", "two")[number % 2] / "Maildir", post.write().raw)
        parsed = "SELECT count(*) FROM inbound_message WHERE status = 'parsed'"
        wait_until(lambda: postgres.execute(parsed, database=database) == [(6,)], "six mails", 90)
        maildir.deliver(tmp_path / "three" / "Maildir", post.write().raw)
        wait_until(lambda: maildir.listing(tmp_path / "two" / "Maildir", "new") == [], "both to settle", 30)

    held = "SELECT count(*) FROM lease WHERE leased_until > now()"
    assert postgres.execute(held, database=database) == [(0,)]
    assert len(maildir.listing(tmp_path / "three" / "Maildir", "new")) == 1, "a worker has no Maildir"
    assert "Where the time went: " in (third.parent / "log").read_text(encoding="utf-8")
