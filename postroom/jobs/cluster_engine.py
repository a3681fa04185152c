"""The engine that takes jobs from whichever host they come, over PostgreSQL, and runs them on this one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any, Protocol

import procrastinate
import structlog
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Status
from procrastinate.worker import Worker
from psycopg_pool import AsyncConnectionPool

from postroom.jobs.cluster_jobs import quieten

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.jobs")
_FETCH_SECONDS = 2.0  # a worker is woken by NOTIFY; this is the net below
_PAUSE_SECONDS = 2.0  # before a database that was away is asked again
_CONNECTIONS = 4
_CONNECT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Lane:
    """A kind of job: what runs it, how many of it at once on one host, and what is done when its host died.

    `run` and `stalled` are given the job's arguments: ids and names, never anything out of a mail.
    """

    name: str
    run: Callable[..., None]
    at_once: int
    stalled: Callable[..., None] = lambda **_args: None


class _Worker(Protocol):
    """What the library's worker does, with the types that it leaves out."""

    def run(self) -> Coroutine[Any, Any, None]: ...
    def stop(self) -> None: ...


class Engine:
    """Runs jobs of all hosts on this one, in a thread of its own; a database that is away is asked again.

    `connect` is what psycopg.connect takes.  A host that shows no sign of life for `lease_seconds` is taken
    for dead, and what it ran is swept up.
    """

    def __init__(self, connect: Mapping[str, Any], lanes: list[Lane], *, lease_seconds: float) -> None:
        quieten()
        self._connect, self._lanes, self._lease_seconds = dict(connect), lanes, lease_seconds
        self._stopping = Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._workers: list[_Worker] = []
        self._over = asyncio.Event()
        self._thread = Thread(target=self._live, name="engine", daemon=True)

    def start(self) -> None:
        """Begin to take jobs; return at once, also where the database is away."""
        self._thread.start()

    def stop(self) -> None:
        """Take no job any more, and return when those at hand are finished."""
        self._stopping.set()
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop came to its end by itself just now
                self._loop.call_soon_threadsafe(self._end)
        self._thread.join()

    def _live(self) -> None:
        while not self._stopping.is_set():
            try:
                asyncio.run(self._life())
                if not self._stopping.is_set():
                    _log.warning("engine interrupted", error="its connection was lost")
            except Exception as error:
                _log.warning("engine interrupted", error=_words(error))
            self._stopping.wait(_PAUSE_SECONDS)

    async def _life(self) -> None:
        """Serve until told to stop, or until the database is away.

        Nothing is ever cancelled here: a worker that is cancelled while it begins may never end.
        """
        self._over, self._workers = asyncio.Event(), []
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(_say_of_loop)
        # One thread for each job at hand, and one for the sweep.
        threads = sum(lane.at_once for lane in self._lanes) + 1
        self._loop.set_default_executor(ThreadPoolExecutor(threads, "job"))
        app, pool = self._app(), self._pool()
        async with pool, app.open_async(pool):
            self._workers = [self._worker(app, lane) for lane in self._lanes]
            serving = [*(worker.run() for worker in self._workers), self._sweep(app)]
            ends = await asyncio.gather(*map(self._until_over, serving), return_exceptions=True)
        for error in ends:
            if isinstance(error, BaseException):
                raise error

    async def _until_over(self, serving: Coroutine[Any, Any, None]) -> None:
        """Await what serves; when it ends, for whatever reason, so do the others."""
        if self._stopping.is_set():
            serving.close()
            return
        try:
            await serving
        finally:
            self._end()

    def _end(self) -> None:
        """Ask all that serve to come to their end; called in the loop."""
        self._over.set()
        for worker in self._workers:
            worker.stop()

    def _app(self) -> procrastinate.App:
        app = procrastinate.App(connector=procrastinate.PsycopgConnector())
        for lane in self._lanes:
            app.task(name=lane.name, queue=lane.name)(lane.run)
        return app

    def _pool(self) -> AsyncConnectionPool[Any]:
        return AsyncConnectionPool(
            kwargs=self._connect,
            min_size=1,
            max_size=_CONNECTIONS,
            timeout=_CONNECT_SECONDS,
            open=False,
            check=AsyncConnectionPool.check_connection,
        )

    def _worker(self, app: procrastinate.App, lane: Lane) -> _Worker:
        worker: _Worker = Worker(
            app=app,
            queues=[lane.name],
            name=lane.name,
            concurrency=lane.at_once,
            fetch_job_polling_interval=_FETCH_SECONDS,
            delete_jobs="always",  # the rows say what became of it
            install_signal_handlers=False,
            update_heartbeat_interval=self._lease_seconds / 3,
            stalled_worker_timeout=self._lease_seconds,
        )
        return worker

    async def _sweep(self, app: procrastinate.App) -> None:
        """Remove the jobs of hosts that died; what they were about is done again."""
        lanes = {lane.name: lane for lane in self._lanes}
        while not await self._is_over_within(self._lease_seconds / 3):
            stalled = await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=self._lease_seconds)
            for job in stalled:
                if job.task_name in lanes:
                    await asyncio.to_thread(lanes[job.task_name].stalled, **job.task_kwargs)
                    await self._remove(app, job)

    async def _is_over_within(self, seconds: float) -> bool:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), seconds)
        return self._over.is_set()

    async def _remove(self, app: procrastinate.App, job: Any) -> None:
        try:
            await app.job_manager.finish_job(job, Status.FAILED, delete_job=True)
        except ConnectorException:  # another host swept it up first, or its own host came back and ended it
            return
        _log.warning("job of a dead host swept up", lane=job.task_name, job=job.id)


def _say_of_loop(_loop: asyncio.AbstractEventLoop, context: Mapping[str, Any]) -> None:
    """Log in one line what a job left behind whose end could not be written down; a sweep removes it."""
    error = context.get("exception")
    _log.warning("job not signed off", error=_words(error) if error else str(context.get("message")))


def _words(error: BaseException) -> str:
    """Return what lies at the bottom of a library's errors, in one line."""
    while True:
        if error.__cause__ is None:
            return " ".join(f"{type(error).__name__}: {error}".split())
        error = error.__cause__
