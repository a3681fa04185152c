"""Trying sources, database and archive before a person's eyes, one line a step, or for a program."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from postroom.cli.tables import json_line, shown
from postroom.config.settings import Settings
from postroom.config.toml import bare, spelled
from postroom.errors import Exit, PostroomError

if TYPE_CHECKING:
    from postroom.app.checkup import Trial
    from postroom.app.offers import Offer
    from postroom.fetcher.step import Step


def try_all(settings: Settings, *, as_json: bool = False) -> int:
    """Try everything the settings name, print each step, and return the exit code.

    That of the database or archive where one of them failed; else that of the sources, if all failed in the
    same way; else TEMPORARY.
    """
    from postroom.app.checkup import trials  # noqa: PLC0415  (brings every library of the outside world)

    own: list[PostroomError] = []
    sources: list[PostroomError | None] = []
    for trial in trials(settings):
        error = _told(trial) if as_json else _shown(trial)
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


def toml_lines(offer: Offer) -> list[str]:
    """Return an offer as the lines that stand in a postroom.toml."""
    return [f"{key} = {spelled(value)}" for key, value in offer.items()]


def _shown(trial: Trial) -> PostroomError | None:
    """Print one trial for people, and below it the lines of configuration that would fit better."""
    click.echo(f"\n{shown(trial.title)}")
    steps: list[Step] = []
    error = print_steps(_noted(trial.steps, steps))
    offer = _offer(trial, steps)
    if trial.mailbox is not None and offer:
        click.echo(f"      This fits the server better, in [mailbox.{bare(trial.mailbox.name)}]:")
        click.echo("".join(f"        {line}\n" for line in toml_lines(offer)), nl=False)
    return error


def _told(trial: Trial) -> PostroomError | None:
    """Print one trial as one line of JSON."""
    steps = list(trial.steps)
    error = steps[-1].error if steps else None
    learned = next((step.learned for step in steps if step.learned), None)
    json_line(
        {
            "kind": trial.kind,
            "name": trial.mailbox.name if trial.mailbox else None,
            "title": trial.title,
            "ok": error is None,
            "steps": [_facts(step) for step in steps],
            "learned": asdict(learned) if learned else None,
            "offer": _offer(trial, steps),
        }
    )
    return error


def _facts(step: Step) -> dict[str, Any]:
    failed = {"code": step.error.code, "fix": step.error.fix} if step.error else {"code": None, "fix": None}
    return {"step": step.name, "ok": step.error is None, "words": step.words, **failed}


def _noted(steps: Iterable[Step], into: list[Step]) -> Iterable[Step]:
    for step in steps:
        into.append(step)
        yield step


def _offer(trial: Trial, steps: list[Step]) -> Offer:
    from postroom.app.offers import offers  # noqa: PLC0415  (as above)

    learned = next((step.learned for step in steps if step.learned), None)
    return offers(trial.mailbox, learned) if trial.mailbox is not None and learned else {}
