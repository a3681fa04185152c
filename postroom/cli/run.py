"""`postroom run`: the service."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from threading import Event
from types import FrameType
from typing import TYPE_CHECKING

import click
import structlog

from postroom import __version__
from postroom.app.compose import App
from postroom.app.running import Service, build_service
from postroom.cli.context import opened, say_no_source
from postroom.cli.heap import share_one_heap
from postroom.cli.profile import profile_option, profiling
from postroom.cli.words import counted
from postroom.errors import MaildirUnusable
from postroom.jobs.heartbeat import beating
from postroom.jobs.lock import state_lock
from postroom.jobs.runner import Runner, poll_of
from postroom.jobs.sd_notify import ServiceSupervisor

if TYPE_CHECKING:  # without a Maildir nobody pays for watchdog
    from postroom.fetcher.watch import Watcher

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.run")
_LOOK_SECONDS = 1.0
"""A signal that the system hands to another thread wakes no wait without an end in this one."""
_TELL_SECONDS = 15.0  # how often Prometheus asks, as a rule


@click.command(short_help="Run the service: poll, extract, announce, until SIGTERM.")
@profile_option
@click.pass_context
def run(ctx: click.Context, /, *, profile: bool) -> None:
    """Run the service: poll every source, extract and announce, until SIGTERM or Ctrl-C.

    Where [relay] is set, it also takes mail by SMTP or LMTP.  SIGTERM finishes the messages at hand and ends
    with 0.  SIGUSR1 polls every source now.
    """
    with (
        profiling(wanted=profile) as tell,
        opened(ctx, secrets=True) as app,
        state_lock(app.settings.state_dir, command="run", now=app.now()),
    ):
        app.take_over()
        app.report_archive()
        if not app.settings.mailbox and not app.settings.maildir:
            say_no_source(app)
        with _relay(app):  # first: the Maildir that it fills is watched
            serve(app, command="run", tell=tell)


def serve(app: App, *, command: str, tell: Callable[[], None] | None, only_works: bool = False) -> None:
    """Run the tasks until a signal asks for the end; returns once the tasks at hand are finished.

    `tell` is called now and then by the way: see `profiling`.
    """
    share_one_heap()
    supervisor = ServiceSupervisor(os.environ)
    with beating(app.settings.state_dir, command=command, now=app.now, supervisor=supervisor) as heartbeat:
        service = build_service(app, only_works=only_works)
        service.runner.every(heartbeat.every_seconds, "heartbeat", heartbeat.beat)
        if tell is not None:
            service.runner.every(_TELL_SECONDS, "figures", tell)
        _serve(app, service, supervisor, only_works=only_works)


def _serve(app: App, service: Service, supervisor: ServiceSupervisor, *, only_works: bool) -> None:
    house, runner = service.house, service.runner
    stop = Event()

    def poll_now() -> None:
        for kit in house.sources.values():
            runner.wake(poll_of(kit.name))

    _on_signals(stop.set, poll_now)
    watchers = [
        watcher
        for kit in ([] if only_works else house.sources.values())
        if (watcher := _watch(kit.wake_paths, poll_of(kit.name), runner)) is not None
    ]
    service.start()
    _log.info(
        "started", version=__version__, sources=len(house.sources), state_dir=str(app.settings.state_dir)
    )
    supervisor.tell("READY=1", f"STATUS=Polling {counted(len(house.sources), 'source')}")
    while not stop.wait(_LOOK_SECONDS):
        pass
    _log.info("stopping")
    supervisor.tell("STOPPING=1", "STATUS=Finishing the messages at hand")
    for watcher in watchers:
        watcher.close()
    service.stop()
    _log.info("stopped")


def _relay(app: App) -> AbstractContextManager[None]:
    """Return what runs the relay as long as it is entered, where there is one."""
    if app.settings.relay is None:
        return nullcontext()
    from postroom.app.relay import relay_beside  # noqa: PLC0415  (without a relay nobody pays for aiosmtpd)

    return relay_beside(app)


def _on_signals(stop: Callable[[], None], poll_now: Callable[[], None]) -> None:
    def asked_to_stop(_number: int, _frame: FrameType | None) -> None:
        stop()

    def asked_to_poll(_number: int, _frame: FrameType | None) -> None:
        poll_now()

    signal.signal(signal.SIGTERM, asked_to_stop)
    signal.signal(signal.SIGINT, asked_to_stop)
    signal.signal(signal.SIGUSR1, asked_to_poll)


def _watch(paths: tuple[str, ...], task: str, runner: Runner) -> Watcher | None:
    """Watch what is there; a folder that cannot be watched is rescanned all the same."""
    there = [path for path in map(Path, paths) if path.is_dir()]
    if not there:
        return None
    from postroom.fetcher.watch import watch  # noqa: PLC0415  (without a Maildir nobody pays for watchdog)

    try:
        return watch(there, lambda: runner.wake(task))
    except MaildirUnusable as error:
        _log.warning("cannot watch, rescanning only", task=task, error=str(error), fix=error.fix)
        return None
