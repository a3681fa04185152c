"""What most commands begin with: the settings, and an opened postroom."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from postroom.app.compose import App, open_app
from postroom.app.logs import to_stderr
from postroom.config.load import Loaded, load


def read_config(ctx: click.Context, *, secrets: bool = False) -> Loaded:
    """Return what `-c`, the usual places, the environment and the defaults say.  Raises ConfigFault."""
    explicit = ctx.find_root().obj
    return load(
        explicit,
        environ=os.environ,
        cwd=Path.cwd(),
        home=Path.home(),
        is_root=os.geteuid() == 0,
        secrets=secrets,
    )


@contextmanager
def opened(ctx: click.Context, *, secrets: bool = False) -> Iterator[App]:
    """Yield an opened postroom with its logging set up, and say the config's warnings.

    Raises ConfigFault and what open_app raises.
    """
    loaded = read_config(ctx, secrets=secrets)
    to_stderr(loaded.settings.log)
    for warning in loaded.warnings:
        click.echo(f"warning: {warning}", err=True)
    with open_app(loaded.settings) as app:
        yield app
