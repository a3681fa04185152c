"""An idle service holds in memory what it uses, and no more."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tests.command import ENVIRONMENT
from tests.servers.waiting import wait_until

RUN = """
import contextlib, sys
from postroom.cli.main import main
with contextlib.suppress(SystemExit): main(sys.argv[1:])
print(*sys.modules, sep="\\n")
"""
HEAPS = """
import ctypes, sys, threading
from postroom.cli.heap import share_one_heap
if sys.argv[1] == "one": share_one_heap()
held, everybody = [], threading.Barrier(5)
def work():
    held.append([bytes(5_000) for _ in range(100)])
    everybody.wait()
for _ in range(4): threading.Thread(target=work).start()
everybody.wait()
library = ctypes.CDLL(None)
library.fdopen.restype, library.fdopen.argtypes = ctypes.c_void_p, [ctypes.c_int, ctypes.c_char_p]
library.malloc_info.argtypes = [ctypes.c_int, ctypes.c_void_p]
library.fflush.argtypes = [ctypes.c_void_p]
out = library.fdopen(1, b"w")
library.malloc_info(0, out)
library.fflush(out)
"""


def loaded_by_a_run(folder: Path) -> set[str]:
    """Return what a service has loaded whose only source is a mailbox, on a server that is not there."""
    config, log = folder / "postroom.toml", folder / "log"
    config.touch(0o600)
    config.write_text(
        f'state_dir = "{folder}/state"\n[org.acme]\n[mailbox.orders]\norg = "acme"\nhost = "127.0.0.1"\n'
        'port = 1\ntls = "off"\nuser = "u"\npassword = "p"\n',
        encoding="utf-8",
    )
    command = [sys.executable, "-c", RUN, "-c", str(config), "run"]
    with (
        log.open("wb") as said,
        subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=said, text=True) as process,
    ):
        wait_until(lambda: "poll failed" in log.read_text(encoding="utf-8"), "the first poll", 30)
        process.terminate()
        return set(process.communicate(timeout=30)[0].split())


def heaps(share: str) -> int:
    """Return how many heaps five threads have."""
    told = subprocess.run([sys.executable, "-c", HEAPS, share], check=True, capture_output=True, text=True)
    return told.stdout.count("<heap nr=")


def test_a_run_loads_nothing_of_what_it_does_not_use(tmp_path: Path) -> None:
    loaded = loaded_by_a_run(tmp_path)

    unused = {
        "aiosmtpd",
        "alembic",
        "boto3",
        "mako",
        "postroom.core.mime",
        "postroom.jobs.crew_process",
        "postroom.pipeline.extract",
        "postroom.unpack.opener",
        "procrastinate",
        "prometheus_client",
        "psycopg",
        "pygments",
        "rich",
        "sqlalchemy.dialects.postgresql",
        "sqlalchemy.orm",
        "watchdog",
    }
    assert {"apscheduler", "imapclient", "sqlalchemy"} <= loaded
    assert loaded & unused == set()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library has its own heaps")
def test_the_threads_of_a_service_share_one_heap() -> None:
    assert heaps("each") > 1

    assert heaps("one") == 1
