"""What most commands begin with: the settings, and an opened postroom."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from postroom.config.load import Loaded, load
from postroom.config.reader import Secrets
from postroom.errors import FileFault

if TYPE_CHECKING:
    from postroom.app.compose import App


def read_config(ctx: click.Context, *, secrets: Secrets = False) -> Loaded:
    """Return what `-c`, the usual places, the environment and the defaults say.  Raises ConfigFault.

    `secrets` says which ones are fetched: see `load`.
    """
    explicit = ctx.find_root().obj
    return load(
        explicit,
        environ=os.environ,
        cwd=current_folder(),
        home=home_folder(),
        is_root=os.geteuid() == 0,
        secrets=secrets,
    )


def home_folder() -> Path:
    """Return this user's home; the root folder for one who has none, such as a container's made-up user."""
    try:
        return Path.home()
    except RuntimeError:
        return Path("/")


def current_folder() -> Path:
    """Return where relative paths start.  Raises FileFault where the folder was removed meanwhile."""
    try:
        return Path.cwd()
    except OSError as error:
        raise FileFault(f"cannot use the current folder: {error.strerror}", fix="cd elsewhere") from error


@contextmanager
def opened(ctx: click.Context, *, secrets: bool = False, quiet: bool = False) -> Iterator[App]:
    """Yield an opened postroom with its logging set up, and say the config's warnings unless `quiet`.

    Raises ConfigFault and what open_app raises.
    """
    from postroom.app.compose import open_app  # noqa: PLC0415  (the database's libraries cost half a second,
    from postroom.app.logs import to_stderr  # noqa: PLC0415  and `check` and `config show` need none of it)

    loaded = read_config(ctx, secrets=secrets or "own")
    to_stderr(loaded.settings.log)
    if not quiet:
        warn(loaded)
    with open_app(loaded.settings) as app:
        yield app


def warn(loaded: Loaded) -> None:
    """Say the config's warnings to the person at the terminal."""
    for warning in loaded.warnings:
        click.echo(f"warning: {warning}", err=True)


def say_no_source(app: App) -> None:
    """Warn that there is nothing to poll: under cron, a config that was not found would stay unseen."""
    click.echo(
        f"postroom: no source is configured (state_dir {app.settings.state_dir}); "
        "is this the right configuration?  -c FILE names it, postroom init writes one",
        err=True,
    )
