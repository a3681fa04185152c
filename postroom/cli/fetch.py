"""`postroom fetch --once`: one bounded round, for cron."""

from __future__ import annotations

import json
import logging
import time
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import click

from postroom.app.compose import App
from postroom.app.house import build_house
from postroom.app.sources import kits
from postroom.cli.asking import Duration
from postroom.cli.context import opened, say_no_source
from postroom.cli.hard_stop import hard_stop
from postroom.cli.main import say
from postroom.cli.notices import say_news
from postroom.cli.preview import show_preview
from postroom.cli.profile import profile_option, profiling
from postroom.cli.words import counted, tally_words
from postroom.config.values import seconds as seconds_of
from postroom.core.deadline import Deadline
from postroom.errors import Exit, Locked, UsageFault
from postroom.jobs.house import House, SourceKit
from postroom.jobs.lock import state_lock
from postroom.jobs.once import Round, one_round
from postroom.pipeline.tally import Tally

_POLLING, _WORKING = 0.75, 0.9  # of a budget: until then mails are taken, and until then taken apart


@dataclass(frozen=True, slots=True)
class Wish:
    """The options of one call."""

    names: tuple[str, ...]
    dry_run: bool
    limit: int | None
    since: str | None
    as_json: bool
    quiet: bool
    skip_locked: bool
    budget: timedelta | None


@click.command(short_help="Do one bounded round of everything due and exit, for cron.")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--once",
    is_flag=True,
    required=True,
    expose_value=False,
    help="One round; the service is `postroom run`.",
)
@click.option("--dry-run", is_flag=True, help="Only read, and say what would be done.")
@click.option("--limit", type=click.IntRange(min=1), help="At most this many mails of each source.")
@click.option("--since", metavar="DURATION", help="How far back a first connect goes, such as 7d.")
@click.option(
    "--budget", type=Duration(), help="End in time, such as 50s; the next round goes on where this one was."
)
@click.option("--json", "as_json", is_flag=True, help="One line of JSON at the end.")
@click.option("--quiet", is_flag=True, help="Silent unless a person is needed.")
@click.option("--skip-locked", is_flag=True, help="Leave quietly while another postroom is at work.")
@profile_option
@click.pass_context
def fetch(ctx: click.Context, /, *, profile: bool, **options: Any) -> int:
    """Poll each source once (or only those named), extract and announce what is due, and exit."""
    with profiling(wanted=profile):
        return _fetch(ctx, Wish(**options))


def _fetch(ctx: click.Context, wish: Wish) -> int:
    if wish.budget is not None and wish.dry_run:
        raise UsageFault("--budget and --dry-run exclude each other", fix="--limit N bounds a dry run")
    with opened(ctx, secrets=True, quiet=wish.quiet) as app:
        if wish.quiet:
            logging.getLogger("postroom").setLevel(logging.CRITICAL)
        chosen = _chosen(app, wish)
        if not chosen:
            say_no_source(app)
        if wish.dry_run:
            show_preview(app, chosen, limit=wish.limit, since=_since(app, wish), as_json=wish.as_json)
            return Exit.OK
        return _locked_round(app, wish)


def _locked_round(app: App, wish: Wish) -> int:
    with ExitStack() as held:
        try:
            held.enter_context(state_lock(app.settings.state_dir, command="fetch --once", now=app.now()))
        except Locked:
            if not wish.skip_locked:
                raise
            if wish.as_json:
                click.echo(json.dumps(_facts(0, Tally(), 0.0, Exit.OK)))
            return Exit.OK
        return _round(app, wish)


def _round(app: App, wish: Wish) -> int:
    started, taken = time.monotonic(), list[Tally]()

    def last_words(code: Exit) -> None:
        if wish.as_json:
            click.echo(json.dumps(_facts(0, sum(taken, Tally()), time.monotonic() - started, code)))
        elif not wish.quiet:
            click.echo("postroom: the budget is over and something still hangs: given up", err=True)

    seconds = wish.budget.total_seconds() if wish.budget else None
    with hard_stop(seconds, last_words):
        app.take_over()
        house = _house(app, started, seconds)
        kits = [house.sources[name] for name in wish.names or house.sources]
        rests = wish.quiet and not wish.names  # a person who calls, or names a source, has it tried at once
        outcome = one_round(
            kits, house, limit=wish.limit, since=_since(app, wish), report=taken.append, rests=rests
        )
        return _report(app, outcome, wish, seconds=time.monotonic() - started)


def _house(app: App, started: float, seconds: float | None) -> House:
    """Return the house of a round; of its time, most is for the polls, and some for the documents."""
    if seconds is None:
        return build_house(app)
    return build_house(
        app,
        polls_until=Deadline(started + _POLLING * seconds, time.monotonic),
        work_until=Deadline(started + _WORKING * seconds, time.monotonic),
    )


def _chosen(app: App, wish: Wish) -> list[SourceKit]:
    known = kits(app, read_only=wish.dry_run)
    for name in wish.names:
        if name not in known:
            raise UsageFault(
                f'there is no source "{name}"', fix=f"one of: {', '.join(known) or '(none configured)'}"
            )
    return [known[name] for name in wish.names or known]


def _since(app: App, wish: Wish) -> datetime | None:
    if wish.since is None:
        return None
    try:
        return app.now() - timedelta(seconds=seconds_of(wish.since))
    except ValueError as error:
        raise UsageFault(f"--since: {error}", fix="such as 7d, 12h or 90s") from error


def _report(app: App, outcome: Round, wish: Wish, *, seconds: float) -> int:
    code = exit_of(outcome)
    if wish.quiet:
        say_news(app, outcome.outage)
    else:
        for error in (*outcome.troubled.values(), *filter(None, [outcome.outage])):
            say(error)
    polled, tally = len(outcome.fine) + len(outcome.troubled), outcome.tally
    if wish.as_json:
        click.echo(json.dumps(_facts(polled, tally, seconds, code, unfinished=len(outcome.unfinished))))
    elif not wish.quiet:
        click.echo(f"{counted(polled, 'source')}: {tally_words(tally)} in {seconds:.1f} s")
        if outcome.unfinished:
            click.echo(f"the time was over for {', '.join(outcome.unfinished)}: the next round goes on there")
    return code


def _facts(polled: int, tally: Tally, seconds: float, code: int, *, unfinished: int = 0) -> dict[str, object]:
    return {
        "sources": polled,
        "taken": tally.taken,
        "duplicates": tally.duplicates,
        "quarantined": tally.quarantined,
        "failed": tally.failed,
        "documents": tally.documents,
        "bytes": tally.bytes,
        "unfinished": unfinished,
        "seconds": round(seconds, 3),
        "exit": int(code),
    }


def exit_of(outcome: Round) -> Exit:
    """Return the code of a round: TEMPORARY where a part of it failed, else how all of it failed."""
    if outcome.outage is not None:
        return outcome.outage.exit
    codes = {error.exit for error in outcome.troubled.values()}
    if not codes:
        return Exit.OK
    wholly = len(codes) == 1 and not outcome.fine and not outcome.tally.taken
    return codes.pop() if wholly else Exit.TEMPORARY
