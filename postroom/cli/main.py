"""The entry point: a group that imports a command only when it is called."""

from __future__ import annotations

import importlib
from typing import ClassVar

import click

from postroom import __version__
from postroom.cli.registry import COMMANDS


class LazyGroup(click.Group):
    """A click group over `registry.COMMANDS`; `--help` lists them without importing any."""

    commands_by_name: ClassVar = COMMANDS

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands_by_name)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = self.commands_by_name.get(cmd_name)
        if entry is None:
            return None
        command = getattr(importlib.import_module(entry.module), entry.attribute)
        assert isinstance(command, click.Command)  # noqa: S101  (the registry and the modules are ours; a test loads each)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in self.commands_by_name.items()])


@click.group(cls=LazyGroup)
@click.version_option(__version__, prog_name="postroom")
def main() -> None:
    """Take documents out of mail, for many organisations at once."""
