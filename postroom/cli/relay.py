"""`postroom relay`: the bundled SMTP or LMTP server by itself."""

from __future__ import annotations

import click

from postroom.cli.context import opened


@click.command(short_help="Take mail by SMTP or LMTP into a Maildir, until SIGTERM.")
@click.pass_context
def relay(ctx: click.Context) -> None:
    """Take mail by SMTP or LMTP into a Maildir, as [relay] says, until SIGTERM or Ctrl-C.

    It only receives: the mails are taken in by `postroom run` or `postroom fetch --once`.  A service that
    runs with [relay] in its configuration listens itself, and then this command is not needed.
    """
    from postroom.app.relay import serve_relay  # noqa: PLC0415  (aiosmtpd is imported by this command only)

    with opened(ctx, secrets=True) as app:
        serve_relay(app)
