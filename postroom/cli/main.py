"""The entry point: a group that imports a command only when it is called, and the words for every error."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from postroom import __version__
from postroom.cli.registry import COMMANDS
from postroom.errors import Exit, PostroomError


class LazyGroup(click.Group):
    """A click group over `registry.COMMANDS`; `--help` lists them without importing any."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        command = getattr(importlib.import_module(entry.module), entry.attribute)
        assert isinstance(command, click.Command)  # noqa: S101  (registry and modules are ours; a test loads each)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="postroom")
@click.option("-c", "--config", type=click.Path(path_type=Path), help="The postroom.toml to use.")
@click.pass_context
def postroom(ctx: click.Context, config: Path | None) -> None:
    """Take documents out of mail, for many organisations at once."""
    ctx.obj = config


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit with a documented code; never with a traceback."""
    try:
        outcome: Any = postroom.main(args=arguments, prog_name="postroom", standalone_mode=False)
        _leave(outcome if isinstance(outcome, int) else Exit.OK)
    except click.exceptions.Exit as stop:
        _leave(stop.exit_code)
    except click.ClickException as error:
        error.show()
        _leave(Exit.USAGE)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        _leave(130)  # 128 + SIGINT, as shells say it
    except BrokenPipeError:
        # The reader of our output left (`postroom messages | head`): nothing is wrong.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _leave(Exit.OK)
    except PostroomError as error:
        say(error)
        _leave(error.exit)
    except Exception as error:
        _report_bug(error)
        _leave(Exit.BUG)


def say(error: PostroomError) -> None:
    """Print an error for a person: what happened, its code, the way out."""
    click.echo(f"postroom: {error}  [{error.code}]", err=True)
    if error.fix:
        click.echo(f"     Fix: {error.fix}", err=True)
    click.echo(f"     More: postroom help {error.code}", err=True)


def _report_bug(error: Exception) -> None:
    click.echo(f"postroom: a bug: {type(error).__name__}: {error}  [E-BUG]", err=True)
    where = error.__traceback__
    while where is not None:
        code = where.tb_frame.f_code
        click.echo(f"     at {code.co_qualname} ({Path(code.co_filename).name}:{where.tb_lineno})", err=True)
        where = where.tb_next
    click.echo("     Please report it with these lines; no mail is lost by it.", err=True)


def _leave(code: int) -> NoReturn:
    sys.stdout.flush()
    sys.exit(int(code))
