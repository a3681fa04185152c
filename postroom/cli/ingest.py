"""`postroom ingest`: mails from files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from postroom.app.by_hand import ingest as take
from postroom.app.by_hand import take_documents_out
from postroom.app.compose import App
from postroom.cli.context import opened
from postroom.cli.tables import shown
from postroom.cli.words import tally_words
from postroom.errors import NotAMessage
from postroom.fetcher.files import Skipped
from postroom.pipeline.tally import Tally


@click.command(short_help="Take mails from files: .eml, mbox or Maildir.")
@click.argument("paths", nargs=-1, required=True, metavar="FILE...", type=click.Path(path_type=Path))
@click.option(
    "--to", "recipient", required=True, metavar="ADDR", help="Such as orders+acme@intake.example.com."
)
@click.option("--json", "as_json", is_flag=True, help="One line of JSON at the end.")
@click.pass_context
def ingest(ctx: click.Context, paths: tuple[Path, ...], recipient: str, as_json: bool) -> None:
    """Take the mails in FILE... as if they had come for ADDR, and take their documents out.

    A FILE is one message, an mbox, a Maildir, or a folder of .eml files.  What postroom has already is a
    duplicate, so an interrupted import is simply started again.  What is no message is skipped and named.
    """
    with opened(ctx) as app:
        tally = Tally()
        skipped: list[Skipped] = []
        for number, one in enumerate(_each(app, paths, recipient, skipped), start=1):
            tally += one
            if not as_json and number % 100 == 0:
                click.echo(f"{number} mails ...", err=True)
        tally += take_documents_out(app)
    if as_json:
        click.echo(json.dumps({name: getattr(tally, name) for name in _SHOWN}))
    else:
        click.echo(tally_words(tally))
    _tell(skipped)


def _tell(skipped: list[Skipped]) -> None:
    """Name what was not taken and end with its error; what cannot be read wins over what is no mail."""
    if len(skipped) > 1:
        for error in skipped:
            click.echo(f"skipped: {shown(str(error))}", err=True)
    for error in sorted(skipped, key=lambda error: isinstance(error, NotAMessage)):
        raise error if len(skipped) == 1 else type(error)(f"{len(skipped)} files were skipped", fix=error.fix)


def _each(app: App, paths: Iterable[Path], recipient: str, skipped: list[Skipped]) -> Iterator[Tally]:
    """Yield what became of each mail, and say of each path that holds none that it does."""
    for path in paths:
        before, found = len(skipped), False
        for tally in take(app, [path], recipient, skipped):
            found = True
            yield tally
        if not found and len(skipped) == before:
            why = "; of a folder, a Maildir and files that end with .eml are taken" if path.is_dir() else ""
            click.echo(f"no mail in {shown(str(path))}{why}", err=True)


_SHOWN = ("taken", "duplicates", "quarantined", "failed", "documents", "bytes")
