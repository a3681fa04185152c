"""The servers as fixtures: one of each for a whole run, a mailbox of its own for each test."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import pytest

from postroom.config.masked import Secret
from postroom.config.settings import Action, After, Mailbox, Recipients, Tls, Zone
from tests.servers import postfix as mta
from tests.servers import postgres as postgresql
from tests.servers import rgw as ceph
from tests.servers.dovecot import LMTP_SERVER, PACKAGE, PASSWORD, Dovecot, found_version
from tests.servers.greenmail import IMAGE, GreenMail
from tests.servers.greenmail import is_there as greenmail_is_there
from tests.servers.identity import IdentityProvider, running_identity_provider
from tests.servers.imap_server import ImapServer
from tests.servers.postfix import Postfix
from tests.servers.rgw import Rgw
from tests.servers.s3 import S3Service, running_moto

_users = itertools.count(1)


@pytest.fixture(scope="session")
def dovecot() -> Iterator[Dovecot]:
    """A running Dovecot; without the package the test is skipped by name, and in CI it fails."""
    with running_dovecot() as server:
        yield server


@pytest.fixture(scope="session")
def greenmail() -> Iterator[GreenMail]:
    """A running GreenMail; skipped or failed as Dovecot is."""
    if not greenmail_is_there():
        missing(f"needs a Docker engine that has {IMAGE} (make test-containers sees to it)")
    with tempfile.TemporaryDirectory(prefix="greenmail-") as root:
        server = GreenMail(Path(root))
        try:
            server.start()
            yield server
        finally:
            server.stop()


@pytest.fixture(
    params=[
        pytest.param("dovecot", marks=pytest.mark.dovecot),
        pytest.param("greenmail", marks=pytest.mark.greenmail),
    ]
)
def imap_server(request: pytest.FixtureRequest) -> ImapServer:
    """Each real IMAP server in its turn; one that lacks what the test `needs` is skipped by name."""
    server: ImapServer = request.getfixturevalue(request.param)
    for mark in request.node.iter_markers("needs"):
        for ability in mark.args:
            if ability in server.lacks:
                pytest.skip(f"{server.name} lacks {ability}: {server.lacks[ability]}")
    return server


@contextmanager
def running_dovecot(**choices: Any) -> Iterator[Dovecot]:
    """Run a Dovecot of its own as long as the block lasts, with these choices of its class."""
    if not found_version().startswith("2.3."):
        missing(f"needs {PACKAGE}, version 2.3")
    # Not under pytest's own folder: as root, Dovecot's other users could not walk into it.
    with tempfile.TemporaryDirectory(prefix="dovecot-") as root:
        server = Dovecot(Path(root), **choices)
        try:
            server.start()
            yield server
        finally:
            server.stop()


@contextmanager
def running_lmtp_dovecot(lmtp: str) -> Iterator[Dovecot]:
    """Run a Dovecot with these lines for its LMTP as long as the block lasts."""
    if not LMTP_SERVER.exists():
        missing("needs dovecot-lmtpd (Debian package)")
    with running_dovecot(more=lmtp) as server:
        yield server


@pytest.fixture(scope="session")
def identity() -> Iterator[IdentityProvider]:
    """A running identity provider, which every test finds in good order."""
    with running_identity_provider() as provider:
        yield provider


@pytest.fixture
def provider(identity: IdentityProvider) -> Iterator[IdentityProvider]:
    """That identity provider, in good order before the test and after it."""
    identity.calm()
    yield identity
    identity.calm()


@pytest.fixture(scope="session")
def token_dovecot(identity: IdentityProvider) -> Iterator[Dovecot]:
    """A running Dovecot that asks this provider whose a token is; skipped or failed as Dovecot is."""
    with running_dovecot(introspection=f"{identity.url}/introspect") as server:
        yield server


@pytest.fixture(scope="session")
def postgres() -> Iterator[postgresql.Postgres]:
    """A running PostgreSQL that does not wait for the disk; skipped or failed as Dovecot is."""
    with running_postgres() as server:
        yield server


@contextmanager
def running_postgres(*, fsync: bool = False) -> Iterator[postgresql.Postgres]:
    """Run a PostgreSQL of its own as long as the block lasts."""
    binaries = postgresql.find_postgres()
    if binaries is None:
        missing(f"needs {postgresql.PACKAGE}")
    # Not under pytest's own folder: the plain user that root becomes could not walk into it.
    with tempfile.TemporaryDirectory(prefix="postgres-") as root:
        server = postgresql.Postgres(Path(root), binaries, fsync=fsync)
        try:
            server.start()
            yield server
        finally:
            server.stop()


@pytest.fixture(scope="session")
def moto() -> Iterator[S3Service]:
    """A running imitation of S3."""
    with running_moto() as service:
        yield service


@pytest.fixture(scope="session")
def rgw() -> Iterator[Rgw]:
    """A running Ceph Object Gateway; skipped or failed as Dovecot is."""
    with running_rgw() as server:
        yield server


@contextmanager
def running_rgw() -> Iterator[Rgw]:
    """Run a Ceph Object Gateway of its own as long as the block lasts."""
    if not ceph.is_there():
        missing(f"needs {ceph.PACKAGES}")
    with tempfile.TemporaryDirectory(prefix="rgw-") as root:
        server = Rgw(Path(root))
        try:
            server.start()
            yield server
        finally:
            server.stop()


@contextmanager
def running_postfix(root: Path, *, main: str = "", master: str = "") -> Iterator[Postfix]:
    """Run a Postfix of its own in `root`, with these lines more in main.cf and master.cf.

    `root` is a folder of `postfix_root`.
    """
    server = Postfix(root, main=main, master=master)
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module")
def postfix_root() -> Iterator[Path]:
    """Yield a folder that every user can walk into, for the Postfix of one module and its mail.

    Without the package, or as a plain user, the test is skipped by name; in CI it fails.
    """
    if mta.find_postfix() is None:
        missing(f"needs {mta.PACKAGE}")
    if os.geteuid() != 0:
        missing("needs root: nobody else can run a Postfix")
    # Not under pytest's own folder: as root, Postfix's other users could not walk into it.
    with tempfile.TemporaryDirectory(prefix="postfix-") as root:
        Path(root).chmod(0o755)
        yield Path(root)


def reachable_python(user: str) -> str:
    """Return a Python that `user` can run, wherever ours lies; skipped or failed where there is none."""
    candidates = (getattr(sys, "_base_executable", sys.executable), "/usr/bin/python3")
    python = next((each for each in candidates if _is_reachable(each, user)), None)
    return python or missing(f"needs a Python 3.11 that the user {user} can run, such as Debian's python3")


def _is_reachable(python: str, user: str) -> bool:
    new_enough = [python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
    try:
        done = subprocess.run(new_enough, user=user, group=user, extra_groups=[], cwd="/", check=False)
    except OSError:  # not there, or not for this user
        return False
    return done.returncode == 0


def fresh_mailbox(server: ImapServer, action: Action = Action.KEEP) -> Mailbox:
    """Return the settings of a mailbox that no other test uses, over implicit TLS."""
    user = f"orders{next(_users)}"
    server.add_user(user)
    return mailbox_of(user, server.tls_port, server.ca, action)


def mailbox_of(user: str, port: int, ca: Path, action: Action = Action.KEEP) -> Mailbox:
    """Return the settings of this user's mailbox on a server of ours."""
    return Mailbox(
        name="orders",
        host="localhost",
        port=port,
        user=user,
        password=Secret(PASSWORD),
        tls=Tls.IMPLICIT,
        tls_ca=ca,
        tls_verify=True,
        folders=("INBOX",),
        since_seconds=None,
        poll_seconds=60.0,
        max_per_poll=200,
        after=After(action, folder="Processed", flag="$Taken"),
        recipients=Recipients(org="acme", trust=(), trusted_hops=0, trusted_zone=Zone.ALL, to_cc=False),
    )


def missing(what: str) -> NoReturn:
    """Skip the test by the name of what is not there; in CI it fails."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{what}: in CI every real server must be there")
    pytest.skip(what)


def program(name: str) -> str:
    """Return where a Debian package's program of the same name is; skipped or failed where it is not."""
    return shutil.which(name) or missing(f"needs {name} (Debian package)")
