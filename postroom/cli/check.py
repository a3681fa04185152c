"""`postroom check` and `postroom config show`: what the configuration says, and whether it can be."""

from __future__ import annotations

import click

from postroom.cli.context import read_config, warn
from postroom.cli.tables import json_line, shown
from postroom.cli.trying import try_all
from postroom.cli.words import columns, counted
from postroom.config.load import Loaded, show
from postroom.config.toml import parse_value
from postroom.errors import Exit, UsageFault


@click.command(short_help="List every fault of the configuration; --connect tries each source.")
@click.option("--connect", is_flag=True, help="Try each mailbox, Maildir, the database and the archive too.")
@click.option("--json", "as_json", is_flag=True, help="With --connect: one JSON object for each of these.")
@click.pass_context
def check(ctx: click.Context, *, connect: bool, as_json: bool) -> int:
    """List every fault of the configuration, secrets included; --connect tries each source.

    It also learns which header of a mailbox's mails names the envelope recipient, and what its server can.
    Nothing is changed: mailboxes are only read, and a probe object in the archive is deleted again.
    """
    if as_json and not connect:
        raise UsageFault("--json is for what --connect tries", fix="give both, or neither")
    loaded = read_config(ctx, secrets=True)
    warn(loaded)
    if not as_json:
        click.echo(_summary(loaded))
    return try_all(loaded.settings, as_json=as_json) if connect else Exit.OK


def _summary(loaded: Loaded) -> str:
    settings = loaded.settings
    files = ", ".join(shown(str(path)) for path in loaded.files) or "no file, so all defaults"
    what = (
        counted(len(settings.mailbox), "mailbox", "mailboxes"),
        counted(len(settings.maildir), "Maildir"),
        f"{counted(len(settings.org), 'org')} in the file",
    )
    advice = (
        ""
        if settings.mailbox or settings.maildir
        else "\nNo mail comes in yet: postroom init sets a mailbox up."
    )
    return f"The configuration is fine ({files}): {', '.join(what)}.{advice}"


@click.group(short_help="Show the effective configuration and where each value comes from.")
def config() -> None:
    """Show the effective configuration and where each value comes from."""


@config.command("show", short_help="Show every key with its value and its origin.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line: key, value, origin.")
@click.pass_context
def config_show(ctx: click.Context, *, as_json: bool) -> None:
    """Show every key with its value and its origin: a file and line, a variable, or the default.

    Secrets are masked.
    """
    loaded = read_config(ctx)
    warn(loaded)
    entries = show(loaded)
    if as_json:
        for entry in entries:
            json_line({"key": entry.key, "value": parse_value(entry.value), "origin": entry.origin})
        return
    for line in columns((entry.key, "=", shown(entry.value), f"# {entry.origin}") for entry in entries):
        click.echo(line)
