"""`postroom run` takes mail that arrives in a mailbox long before the next poll is due."""

from __future__ import annotations

import itertools
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.command import ENVIRONMENT
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.postgres import Postgres
from tests.servers.waiting import wait_until

_users = itertools.count(1)


@contextmanager
def service(folder: Path, dovecot: Dovecot, user: str, database: str = "") -> Iterator[Path]:
    """Yield the log of a service that polls the mailbox when it starts, and then every five minutes."""
    config, log = folder / "postroom.toml", folder / "log"
    config.touch(0o600)
    config.write_text(
        f'state_dir = "{folder}/state"\n{database}[org.acme]\n[mailbox.orders]\norg = "acme"\n'
        f'host = "localhost"\nport = {dovecot.tls_port}\ntls_ca = "{dovecot.ca}"\n'
        f'user = "{user}"\npassword = "{PASSWORD}"\n'
        'since = "all"\npoll = "5m"\n'
    )
    command = [sys.executable, "-m", "postroom", "-c", str(config), "run"]
    with log.open("wb") as stderr, subprocess.Popen(command, stderr=stderr, env=ENVIRONMENT) as process:
        try:
            yield log
            process.terminate()
            assert process.wait(20) == 0
        finally:
            process.kill()


def settled(log: Path) -> int:
    return log.read_text(encoding="utf-8").count('"settled"')


def deliver_and_wait(dovecot: Dovecot, user: str, log: Path, count: int) -> None:
    dovecot.deliver(user, b"Message-ID: <%d@x>\r\nSubject: order\r\n\r\n" % count)
    wait_until(lambda: settled(log) == count, f"mail {count} to be taken", 20)


@pytest.fixture
def user(dovecot: Dovecot) -> str:
    name = f"idler{next(_users)}"
    dovecot.add_user(name)
    return name


@pytest.mark.dovecot
def test_a_service_alone_takes_mail_as_it_arrives(tmp_path: Path, dovecot: Dovecot, user: str) -> None:
    with service(tmp_path, dovecot, user) as log:
        deliver_and_wait(dovecot, user, log, 1)
        deliver_and_wait(dovecot, user, log, 2)
        deliver_and_wait(dovecot, user, log, 3)

    assert '"stopped"' in log.read_text(encoding="utf-8")


@pytest.mark.dovecot
@pytest.mark.postgres
def test_a_host_of_a_cluster_takes_mail_as_it_arrives(
    tmp_path: Path, dovecot: Dovecot, user: str, postgres: Postgres
) -> None:
    with service(tmp_path, dovecot, user, postgres.section(postgres.make_database())) as log:
        deliver_and_wait(dovecot, user, log, 1)
        deliver_and_wait(dovecot, user, log, 2)
        deliver_and_wait(dovecot, user, log, 3)

    assert '"stopped"' in log.read_text(encoding="utf-8")
