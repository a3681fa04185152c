"""Settings become worker processes: how many there are, and what each is told."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import Final

from postroom.app.cores import usable_cores
from postroom.app.crew_brief import brief_of
from postroom.config.settings import Jobs, Settings
from postroom.failpoints import VARIABLE
from postroom.jobs.crew import Crew, Member
from postroom.jobs.crew_wire import Program
from postroom.stages import counting
from postroom.unpack.child_environment import child_environment

_MODULE: Final = "postroom.app.crew_member"
_ONE_HEAP: Final = {"MALLOC_ARENA_MAX": "1"}  # for all threads, as the service has it (glibc)
_OF_BOTO: Final = ("AWS_", "BOTO_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_", "REQUESTS_CA_")


def build_crew(settings: Settings) -> Crew:
    """Return the worker processes that the settings ask for; none is started yet."""
    most = _processes(settings.jobs)
    threads = -(-settings.jobs.workers // most) if most else settings.jobs.workers
    return Crew(partial(_start, settings, threads), most=most, threads=threads)


def _processes(jobs: Jobs) -> int:
    """Return as many as asked for, else one for each core but the one of this process, at most `workers`."""
    wanted = usable_cores() - 1 if jobs.processes is None else jobs.processes
    return min(wanted, jobs.workers)


def program_of(settings: Settings, *, threads: int) -> Program:
    """Return what a worker process of so many threads runs."""
    brief = brief_of(settings, threads=threads, counts_time=counting() is not None)
    return Program(_MODULE, _environment(settings), brief)


def _start(settings: Settings, threads: int) -> Member:
    from postroom.jobs.crew_process import WorkerProcess  # noqa: PLC0415  (most commands start none)

    return WorkerProcess(program_of(settings, threads=threads))


def _environment(settings: Settings) -> Mapping[str, str]:
    """Return what a worker process is told of the world; where there is a bucket, also what boto3 goes by."""
    passed = tuple(_OF_BOTO) if settings.storage.bucket else ()
    more = {name: value for name, value in os.environ.items() if name.upper().startswith(passed)}
    more |= {name: os.environ[name] for name in (VARIABLE,) if name in os.environ}
    return child_environment() | _ONE_HEAP | more
