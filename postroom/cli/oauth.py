"""`postroom oauth`: logging in for a mailbox that is opened by OAuth 2.0, and the key that encrypts."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from postroom.cli.context import opened
from postroom.cli.tables import shown
from postroom.cli.trying import print_steps
from postroom.config.oauth_settings import Flow
from postroom.config.settings import Mailbox
from postroom.errors import Exit, UsageFault

if TYPE_CHECKING:
    from postroom.app.compose import App
    from postroom.oauth.client import Client
    from postroom.oauth.device import Invitation
    from postroom.oauth.tokens import Token

_LOGIN_SECONDS = 600.0


@click.group(short_help="Log in for a mailbox that is opened by OAuth 2.0.")
def oauth() -> None:
    """Log in for a mailbox that is opened by OAuth 2.0, and make the key that encrypts its tokens."""


@oauth.command("key", short_help="Print a new key for oauth.key.")
def oauth_key() -> None:
    """Print a new key for `oauth.key`; nothing is changed.

    A new key goes before the old one, with a comma, blank or line end between: new tokens are encrypted with
    the first, and the old key can go once every mailbox was polled.
    """
    from postroom.oauth.sealing import new_key  # noqa: PLC0415  (brings the library of encryption)

    click.echo(new_key())


@oauth.command("login", short_help="Get a token for a mailbox, guiding through the login.")
@click.argument("name")
@click.option("--paste", is_flag=True, help="The browser is elsewhere: paste the address that it ends at.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Where the browser brings the answer; 0: any."
)
@click.pass_context
def oauth_login(ctx: click.Context, name: str, *, paste: bool, port: int) -> int:
    """Get a token for the mailbox NAME, keep it in the database, encrypted, and try it out.

    With device_code you enter a code in a browser anywhere; with authorization_code a browser on this machine
    brings the answer back, or you paste it.  The other two flows need no person: their credential is tried.
    """
    with opened(ctx, secrets=True) as app:
        mailbox = _chosen(app, name)
        from postroom.app.tokens import client_for, keeper_for  # noqa: PLC0415  (see `opened`)
        from postroom.fetcher.probe import probe  # noqa: PLC0415  (as above)

        client = client_for(mailbox, app.now)
        keeper = keeper_for(app.database, app.settings, mailbox, app.now)
        assert keeper is not None  # noqa: S101  (the mailbox has an oauth table, and the config its key)
        token = _token(client, paste=paste, port=port)
        keeper.store(token)
        click.echo(_kept_words(token))
        error = print_steps(probe(mailbox, keeper))
        return error.exit if error else Exit.OK


def _chosen(app: App, name: str) -> Mailbox:
    known = [each.name for each in app.settings.mailbox.values() if each.oauth]
    if name not in known:
        fix = f"one of: {', '.join(known)}" if known else "docs/how-to/microsoft-365.md shows such a mailbox"
        raise UsageFault(f'there is no mailbox "{shown(name)}" with an oauth table', fix=fix)
    return app.settings.mailbox[name]


def _token(client: Client, *, paste: bool, port: int) -> Token:
    if client.oauth.flow is Flow.DEVICE_CODE:
        from postroom.oauth import device  # noqa: PLC0415  (only the flow that is used)

        invitation = device.begin(client)
        _invite(client, invitation)
        return device.wait_for(client, invitation, pause=time.sleep)
    if client.oauth.flow is Flow.AUTHORIZATION_CODE:
        return _by_browser(client, paste=paste, port=port)
    return client.renewed(None)


def _invite(client: Client, invitation: Invitation) -> None:
    click.echo(f"Open      {shown(invitation.url)}")
    click.echo(f"enter     {shown(invitation.user_code)}")
    click.echo(f"log in as {shown(client.user)}")
    click.echo(f"Waiting until {invitation.expires_at:%H:%M:%SZ} ...")


def _by_browser(client: Client, *, paste: bool, port: int) -> Token:
    from postroom.oauth.authorization import is_answer, request, token_of  # noqa: PLC0415  (as above)
    from postroom.oauth.loopback import Listener  # noqa: PLC0415  (as above)

    listener = Listener(port)
    try:
        asked = request(client.oauth, user=client.user, port=listener.port)
        click.echo(f"Open this address and log in as {shown(client.user)}:\n\n{asked.url}\n")
        if paste:
            click.echo("The browser ends at an address that it cannot open: copy that, all of it.")
            answer = str(click.prompt("Address", hide_input=True))
        else:
            click.echo(f"Waiting for the browser on 127.0.0.1:{listener.port}; elsewhere: --paste ...")
            answer = listener.answer(lambda address: is_answer(asked, address), seconds=_LOGIN_SECONDS)
    finally:
        listener.close()
    return token_of(client, asked, answer)


def _kept_words(token: Token) -> str:
    end = f", the login until {token.ends_at:%Y-%m-%d}" if token.ends_at else ""
    renewal = "" if token.refresh is None else "; it is renewed by itself"
    return f"The token is good until {token.expires_at:%Y-%m-%d %H:%M:%SZ}{end}{renewal}."
