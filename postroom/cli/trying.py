"""Trying sources, database and archive before a person's eyes, one line a step."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from postroom.cli.tables import shown
from postroom.config.settings import Settings
from postroom.errors import Exit, PostroomError

if TYPE_CHECKING:
    from postroom.fetcher.probe import Step


def try_all(settings: Settings) -> int:
    """Try everything the settings name, print each step, and return the exit code.

    That of the database or archive where one of them failed; else that of the sources, if all failed in the
    same way; else TEMPORARY.
    """
    from postroom.app.checkup import trials  # noqa: PLC0415  (brings every library of the outside world)

    own: list[PostroomError] = []
    sources: list[PostroomError | None] = []
    for trial in trials(settings):
        click.echo(f"\n{shown(trial.title)}")
        error = print_steps(trial.steps)
        if trial.is_source:
            sources.append(error)
        elif error is not None:
            own.append(error)
    if own:
        return own[0].exit
    codes = {error.exit if error else Exit.OK for error in sources} or {Exit.OK}
    return codes.pop() if len(codes) == 1 else Exit.TEMPORARY


def print_steps(steps: Iterable[Step]) -> PostroomError | None:
    """Print each step as it is taken; return what made the last one fail, None if none did."""
    for step in steps:
        if step.error is not None:
            click.echo(f" FAIL {step.name:<8} {shown(step.words)}  [{step.error.code}]")
            if step.error.fix:
                click.echo(f"      Fix: {shown(step.error.fix)}")
            click.echo(f"      More: postroom help {step.error.code}")
            return step.error
        click.echo(f" ok   {step.name:<8} {shown(step.words)}")
    return None
