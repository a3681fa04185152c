"""`postroom deliver`: a mail on standard input, as an MTA's pipe or procmail gives it, into a Maildir."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from postroom.delivery import Arrival, Envelope
from postroom.delivery import deliver as write_durably
from postroom.errors import ConfigFault, FileFault, OrgUnknown, UsageFault

# Nothing here opens the database or imports its libraries: a mail is taken also while the database is away.


@click.command(short_help="Write a mail from standard input into a Maildir, for an MTA's pipe.")
@click.option("--recipient", required=True, metavar="ADDR", help="Whom the mail is for: one address.")
@click.option("--sender", default="", metavar="ADDR", help="Who sent it; default: the null sender.")
@click.option(
    "--maildir",
    "where",
    default="",
    metavar="NAME|PATH",
    help="A [maildir.NAME], or a folder; then no configuration is read.  Default: the only one there is.",
)
@click.option(
    "--recipients",
    "recipient_map",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Refuse with 67 whom this file does not name; postroom org export --postfix writes it.",
)
@click.pass_context
def deliver(ctx: click.Context, recipient: str, sender: str, where: str, recipient_map: Path | None) -> None:
    """Write the mail on standard input into a Maildir, where postroom fetches it.

    It ends with 0 only when the mail survives a power cut, with 65 when the input is no message, with 67 when
    --recipients does not name the recipient, and with 75 in every other case: then an MTA keeps the mail and
    tries again.
    """
    if recipient_map is not None:
        _require_named(recipient, recipient_map)
    folder = _folder(ctx, where)
    envelope = _envelope(sender, recipient)
    came = f"by {os.uname().nodename} (postroom deliver, uid {os.getuid()})"
    write_durably(folder, sys.stdin.buffer, envelope, Arrival(came, datetime.now(UTC)))


def _folder(ctx: click.Context, where: str) -> Path:
    """Return the Maildir that `where` names.  Raises ConfigFault, UsageFault."""
    if "/" in where:
        return Path(where)
    from postroom.cli.context import read_config  # noqa: PLC0415  (a path needs no configuration, sound or not)

    folders = read_config(ctx).settings.maildir
    if where in folders:
        return folders[where].path
    there = ", ".join(folders) or "none"
    if where:
        raise UsageFault(f"there is no [maildir.{where}]; there is: {there}", fix="a path has a slash in it")
    if len(folders) != 1:
        raise ConfigFault(f"--maildir is needed: the configured Maildirs are: {there}")
    return next(iter(folders.values())).path


def _envelope(sender: str, recipient: str) -> Envelope:
    try:
        return Envelope(sender, recipient)
    except ValueError as error:
        raise UsageFault(str(error)) from error


def _require_named(recipient: str, path: Path) -> None:
    """Return if the recipient map names the recipient.  Raises OrgUnknown, FileFault."""
    try:
        lines = path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError as error:
        raise FileFault(f"cannot read {path}: {error.strerror}", fix="correct --recipients") from error
    named = {line.split()[0].lower() for line in lines if line.strip() and not line.startswith("#")}
    if not named:
        raise FileFault(f"{path} names no recipient", fix=f"postroom org export --postfix -o {path}")
    if recipient.lower() not in named:
        raise OrgUnknown(
            f"{path} does not name {recipient}",
            fix=f"postroom org add SLUG, then: postroom org export --postfix -o {path}",
        )
