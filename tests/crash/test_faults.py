"""A small campaign of faults: wires, disks, databases and archives fail, and nothing is lost.

make crash PARTS="faults mailbox"     the long one; POSTROOM_CRASH_SEED repeats it
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from tests.crash.faults.archive import trouble_the_archive
from tests.crash.faults.clock import turn_the_clock
from tests.crash.faults.database import kill_the_database
from tests.crash.faults.disks import fill_disks
from tests.crash.faults.mailboxes import change_mailboxes
from tests.crash.faults.syncs import EVERY, fail_syncs
from tests.crash.faults.wires import disturb_wires
from tests.crash.results import Result
from tests.crash.serving import Servers
from tests.servers.proxy import Toward, Wire

SEED = int(os.environ.get("POSTROOM_CRASH_SEED", "1"))
STRACE = pytest.mark.strace
ON_POSTGRES = [pytest.mark.postgres, pytest.mark.rgw]

pytestmark = [pytest.mark.crash, pytest.mark.timeout(300)]


@pytest.mark.parametrize(
    ("cell", "befall"),
    [
        pytest.param(
            "sqlite-box", partial(disturb_wires, cuts=2), id="wire to a mailbox", marks=pytest.mark.dovecot
        ),
        pytest.param("sqlite-smtp", partial(disturb_wires, cuts=2), id="wire to the relay"),
        pytest.param("sqlite-smtp", partial(fill_disks, times=1, only="relay"), id="a full disk"),
        pytest.param("sqlite-maildir", partial(turn_the_clock, wrong_by=[3]), id="the clock"),
        pytest.param("sqlite-maildir", partial(fail_syncs, numbers=[EVERY]), id="no sync", marks=STRACE),
        pytest.param(
            "sqlite-smtp", partial(fail_syncs, numbers=[EVERY]), id="no sync in the relay", marks=STRACE
        ),
        pytest.param(
            "sqlite-imap", partial(change_mailboxes, times=1), id="mailboxes", marks=pytest.mark.dovecot
        ),
        pytest.param("postgres-maildir", partial(disturb_wires, cuts=1), id="wires", marks=ON_POSTGRES),
        pytest.param(
            "postgres-maildir", partial(kill_the_database, times=1), id="database", marks=ON_POSTGRES
        ),
        pytest.param("postgres-smtp", partial(trouble_the_archive, times=1), id="archive", marks=ON_POSTGRES),
        pytest.param(
            "postgres-maildir",
            partial(fill_disks, times=1, only="database"),
            id="the database's full disk",
            marks=ON_POSTGRES,
        ),
        pytest.param(
            "postgres-maildir",
            partial(turn_the_clock, wrong_by=[-3]),
            id="the hosts' clock",
            marks=ON_POSTGRES,
        ),
    ],
)
def test_no_fault_loses_or_doubles_a_mail_or_ends_the_service(
    tmp_path: Path, servers: Servers, cell: str, befall: Callable[[str, Path, Servers, int], Result]
) -> None:
    result = befall(cell, tmp_path / cell, servers, SEED)

    assert result.breaches == []
    assert result.count.faults() == {}
    assert result.count.kills > 0


@pytest.mark.parametrize("quietly", [True, False])
@pytest.mark.parametrize("toward", list(Toward))
def test_a_wire_is_cut_after_exactly_so_many_bytes_and_works_again(toward: Toward, *, quietly: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        wire = Wire(server.getsockname()[1])
        wire.start()
        try:
            wire.cut_at(7, toward, quietly=quietly)
            seen = [_sent_over(wire, server, toward, b"0123456789") for _ in range(2)]
        finally:
            wire.close()

    assert seen[0] in ([b"0123456"] if quietly else [b"0123456", b""])  # a reset may take what arrived along
    assert seen[1] == b"0123456789"


def _sent_over(wire: Wire, server: socket.socket, toward: Toward, sent: bytes) -> bytes:
    """Send bytes one way over a new connection, and return what arrives there."""
    with socket.create_connection(("127.0.0.1", wire.port), 10.0) as client:
        there, _ = server.accept()
        with there:
            there.settimeout(10.0)
            source, target = (client, there) if toward is Toward.SERVER else (there, client)
            arrived = b""
            with suppress(OSError):  # reset
                source.sendall(sent)
                source.shutdown(socket.SHUT_WR)
            with suppress(OSError):
                while block := target.recv(100):
                    arrived += block
            return arrived
