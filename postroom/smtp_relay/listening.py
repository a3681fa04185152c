"""Where a relay listens: ports and unix sockets; and how many connections its files are enough for."""

from __future__ import annotations

import os
import resource
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import structlog

from postroom.errors import RelayUnusable

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.relay")
_BACKLOG = 2048
_SPARE_FILES = 200  # for everything that is no session: the database, the writers, the log

Place = tuple[str, int] | Path


def listen_on(places: Sequence[Place]) -> list[socket.socket]:
    """Return a listening socket for each place, one for each address of a name.  Raises RelayUnusable."""
    with ExitStack() as on_failure:
        listeners: list[socket.socket] = []
        for place in places:
            try:
                for listener in _on_path(place) if isinstance(place, Path) else _on_port(*place):
                    listeners.append(on_failure.enter_context(listener))
                    listener.listen(_BACKLOG)
            except OSError as error:
                raise RelayUnusable(
                    f"cannot listen on {spelled(place)}: {error.strerror or error}",
                    fix="is another relay running there?  A port below 1024 needs CAP_NET_BIND_SERVICE",
                ) from error
        on_failure.pop_all()
        return listeners


def place_of(listener: socket.socket) -> str:
    """Return where it listens, in the words of the configuration; a port 0 is the one the system chose."""
    if listener.family == socket.AF_UNIX:
        return spelled(Path(os.fsdecode(listener.getsockname())))
    host, port = listener.getsockname()[:2]
    return spelled((host, port))


def spelled(place: Place) -> str:
    """Return a place in the words of the configuration."""
    if isinstance(place, Path):
        return f"unix:{place}"
    host, port = place
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _on_port(host: str, port: int) -> Iterator[socket.socket]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    for family, _, _, _, address in dict.fromkeys(found):
        yield socket.create_server(address[:2], family=family)


def _on_path(path: Path) -> Iterator[socket.socket]:
    """Bind a unix socket; a dead one is replaced.  Who may connect is said by the rights of its folder."""
    if _is_dead(path):
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(os.fspath(path))
        path.chmod(0o666)
    except OSError:
        listener.close()
        raise
    yield listener


def _is_dead(path: Path) -> bool:
    if not path.is_socket():
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        try:
            client.connect(os.fspath(path))
        except ConnectionRefusedError:
            return True
    return False


def room_for(sessions: int) -> int:
    """Raise the limit of open files as far as we may, and return how many sessions fit under it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = sessions + _SPARE_FILES
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    room = max(1, min(sessions, soft - _SPARE_FILES))
    if room < sessions:
        _log.warning("fewer sessions than configured: too few open files", sessions=room, open_files=soft)
    return room
