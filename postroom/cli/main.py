"""The entry point: a group that imports a command only when it is called, and the words for every error."""

from __future__ import annotations

import atexit
import errno
import gc
import importlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from postroom import __version__
from postroom.cli.registry import COMMANDS
from postroom.cli.streams import replace_closed_streams
from postroom.errors import ConfigFault, Exit, FileFault, PostroomError, UsageFault
from postroom.failpoints import require_sound_order
from postroom.unneeded import without

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_FINAL = {Exit.OK, Exit.NOT_A_MESSAGE, Exit.UNKNOWN_ORG}
_OBJECTS = 20_000  # new ones before garbage is looked for: what a start loads is none
_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO}


class ReaderLeft(Exception):
    """Whoever read our output closed it (`postroom messages | head`): nothing is wrong."""


class LazyGroup(click.Group):
    """A click group over `registry.COMMANDS`; `--help` and completion list them without importing any."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        with without("rich"), _no_garbage():  # structlog would only colour tracebacks that nobody is shown
            command = getattr(importlib.import_module(entry.module), entry.attribute)
        assert isinstance(command, click.Command)  # noqa: S101  (registry and modules are ours; a test loads each)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from postroom.config.hints import did_you_mean  # noqa: PLC0415  (a wrong name only)

        if args[0] not in COMMANDS and (hint := did_you_mean(args[0], COMMANDS)):
            raise click.UsageError(f'There is no command "{args[0]}"; {hint}', ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.help) for name, entry in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        from click.shell_completion import CompletionItem  # noqa: PLC0415  (needed after a TAB only)

        names = [name for name in COMMANDS if name.startswith(incomplete)]
        options = click.Command.shell_complete(self, ctx, incomplete)
        return [*(CompletionItem(name, help=COMMANDS[name].help) for name in names), *options]

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:  # click itself would end with 1
            raise ReaderLeft from error


@contextmanager
def _no_garbage() -> Iterator[None]:
    """Look for no garbage while the block loads what stays to the end, nor ever among that."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="postroom")
@click.option("-c", "--config", type=click.Path(path_type=Path), help="The postroom.toml to use.")
@click.pass_context
def postroom(ctx: click.Context, config: Path | None) -> None:
    """Take documents out of mail, for many organisations at once."""
    if ctx.invoked_subcommand not in {"failpoints", "help"}:
        require_sound_order()
    ctx.obj = config


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and exit with a documented code; never with a traceback."""
    gc.set_threshold(_OBJECTS)
    atexit.register(gc.freeze)  # else all that was loaded is looked through once more, only to end
    replace_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a subject in Greek must not end a list on a Latin terminal
            stream.reconfigure(errors="backslashreplace")
    words = sys.argv[1:] if arguments is None else arguments
    sys.exit(_answer_an_mta(words) if command_in(words) == "deliver" else int(_run(words)))


def command_in(words: Sequence[str]) -> str:
    """Return the command that a command line names, also where click would refuse it; "" where none."""
    rest = iter(words)
    for word in rest:
        if not word.startswith("-"):
            return word
        if word in {"-c", "--config"}:
            next(rest, None)
    return ""


def _answer_an_mta(words: list[str]) -> int:
    """Run a command for a mail server, which bounces a mail on every code but 0 and 75.

    So what is wrong on our side is always 75, also a signal and what cannot even be said on standard error.
    """
    before = {number: signal.signal(number, signal.default_int_handler) for number in _ENDING}
    code: int = Exit.TEMPORARY
    with suppress(BaseException):
        code = _run(words)
    for number, action in before.items():
        signal.signal(number, action)  # death by a signal is a reason to try again as well
    return int(code) if code in _FINAL else Exit.TEMPORARY


def _run(arguments: list[str]) -> int:
    try:
        return _answer(arguments)
    except click.ClickException as error:
        _show_usage(error)
        return Exit.USAGE
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        return 130  # 128 + SIGINT, as shells say it
    except (ReaderLeft, BrokenPipeError):
        _forget_output()
        return Exit.OK
    except PostroomError as error:
        say(error)
        return error.exit
    except Exception as error:
        return _unforeseen(error)


def _show_usage(error: click.ClickException) -> None:
    if isinstance(error, click.NoSuchOption) and error.option_name in {"-c", "--config"}:
        words = f"{error.message} -c stands before the command: postroom -c FILE COMMAND"
        error = click.UsageError(words, error.ctx)
    error.show()


def _unforeseen(error: Exception) -> int:
    if isinstance(error, OSError) and error.errno in _DISK:
        _forget_output()
        say(FileFault(str(error), fix="free some space, or look at the disk"))
        return FileFault.exit
    _report_bug(error)
    return Exit.BUG


def _answer(arguments: list[str]) -> int:
    outcome: Any = postroom.main(args=arguments, prog_name="postroom", standalone_mode=False)
    if sys.stdout is not None:  # it is None where it was closed before we began
        sys.stdout.flush()
    return outcome if isinstance(outcome, int) else Exit.OK


def _forget_output() -> None:
    """Drop what standard output still holds; else the interpreter tries once more and complains."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def say(error: PostroomError) -> None:
    """Print an error for a person: what happened, its code, the way out."""
    first, *more = _lines(error)
    click.echo(f"postroom: {first}  [{error.code}]", err=True)
    for line in more:
        click.echo(f"     {line}", err=True)
    if error.fix:
        click.echo(f"     Fix: {_shown(error.fix)}", err=True)
    if error.code != UsageFault.code:  # its page says no more than this
        click.echo(f"     More: postroom help {error.code}", err=True)


def _shown(text: str) -> str:
    from postroom.cli.tables import shown  # noqa: PLC0415  (only an error pays for it, no start)

    return shown(text)


def _lines(error: PostroomError) -> list[str]:
    from postroom.cli.words import counted  # noqa: PLC0415  (as above)

    lines = [_shown(line) for line in str(error).splitlines()]
    if isinstance(error, ConfigFault) and error.faults:
        return [f"the configuration has {counted(len(error.faults), 'fault')}", *lines]
    return lines or ["something went wrong"]


def _report_bug(error: Exception) -> None:
    click.echo(f"postroom: a bug: {type(error).__name__}: {_shown(str(error))}  [E-BUG]", err=True)
    where = error.__traceback__
    while where is not None:
        code = where.tb_frame.f_code
        click.echo(f"     at {code.co_qualname} ({Path(code.co_filename).name}:{where.tb_lineno})", err=True)
        where = where.tb_next
    click.echo("     Please report it with these lines; no mail is lost by it.", err=True)
