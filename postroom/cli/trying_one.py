"""Trying the mailbox of `postroom init` before it is written down, and fitting the file to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import click

from postroom.cli.questions import Given
from postroom.cli.trying import print_steps, toml_lines
from postroom.config.settings import Mailbox, Settings
from postroom.config.template import Answers
from postroom.errors import Exit

if TYPE_CHECKING:
    from postroom.fetcher.learning import Learned
    from postroom.fetcher.step import Step

_NOT_YET = "The mailbox does not work yet: [r]etry, [w]rite the file all the same, or [s]top"


@dataclass(slots=True)
class Trial:
    """The mailbox as it would be written down; `learned` once it was opened."""

    settings: Settings
    found: Answers
    given: Given
    learned: Learned | None = None

    @property
    def mailbox(self) -> Mailbox:
        """Return the mailbox as the configuration has it."""
        return self.settings.mailbox[self.found.name]


def try_mailbox(trial: Trial) -> int:
    """Try the mailbox; return 0 to go on, else the exit code to leave with.

    Where somebody has to log in first, only the way to the server is tried.
    """
    while True:
        click.echo("")
        error = print_steps(_noting(trial))
        if error is None:
            return Exit.OK
        if trial.given.yes:
            click.echo("Nothing was written. --no-test writes the file without a test.", err=True)
            return error.exit
        wish = click.prompt(f"\n{_NOT_YET}", type=click.Choice("rws"), default="s", show_choices=False)
        if wish == "w":
            return Exit.OK
        if wish == "s":
            click.echo("Nothing was written.")
            return error.exit


def fitting(trial: Trial) -> Answers:
    """Return the answers with the lines that fit the mailbox better; a person alone changes an answer."""
    if trial.learned is None:
        return trial.found
    from postroom.app.offers import offers  # noqa: PLC0415  (the questions need no IMAP library)

    offer = offers(trial.mailbox, trial.learned)
    found, after = trial.found, offer.pop("after", None)
    if offer:
        click.echo("      Written down, since it fits: " + "; ".join(toml_lines(offer)))
        found = replace(found, more={**(found.more or {}), **offer})
    if after is not None:
        click.echo("      The server has no UIDPLUS: a mail cannot be removed there without others.")
        if not trial.given.yes and click.confirm(
            '      Mark mails as read instead (after = "seen")?', default=True
        ):
            found = replace(found, after=str(after))
    return found


def _noting(trial: Trial) -> Iterable[Step]:
    for step in _steps(trial):
        trial.learned = step.learned or trial.learned
        yield step


def _steps(trial: Trial) -> Iterable[Step]:
    from postroom.app.checkup import mailbox_steps  # noqa: PLC0415  (the questions need no IMAP library)
    from postroom.fetcher.probe import reach  # noqa: PLC0415  (as above)

    oauth = trial.mailbox.oauth
    if oauth is not None and oauth.flow.needs_a_person:
        return reach(trial.mailbox)
    return mailbox_steps(trial.settings, trial.mailbox)
