"""`postroom help CODE`: an error code in full, with the way out."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Iterable

import click

from postroom.cli.registry import COMMANDS
from postroom.cli.tables import shown
from postroom.cli.words import columns
from postroom.config.hints import nearest
from postroom.errors import Exit, NotFound, by_code

_BUG = """postroom did what it should not: a bug.

The lines below the message say where. Please report them. No mail is lost by it: what is not safe yet is
still at its source, and the next round takes it."""


@click.command("help", short_help="Explain an error code.")
@click.argument("code", required=False)
@click.pass_context
def helping(ctx: click.Context, code: str | None) -> None:
    """Explain an error code, such as E-IMAP-AUTH; without one, list them all.

    The name of a command shows that command's help.
    """
    root = ctx.find_root()
    if code is None:
        pages = _pages()
        for line in columns((name, page.partition("\n")[0]) for name, (page, _) in pages.items()):
            click.echo(line)
    elif code in COMMANDS and isinstance(root.command, click.Group):
        command = root.command.get_command(root, code)
        assert command is not None  # noqa: S101  (it is in the registry)
        click.echo(command.get_help(click.Context(command, parent=root, info_name=code)))
    else:
        click.echo(_page(code))


def _page(wanted: str) -> str:
    pages, code = _pages(), wanted.upper()
    code = code if code.startswith("E-") else f"E-{code}"
    if code not in pages:
        hint = _hint(wanted, code, pages)
        raise NotFound(f'there is no error code "{shown(wanted, most=100)}"', fix=hint)
    page, leaves = pages[code]
    return f"{code}\n\n{page}\n\nExit code {leaves.value}."


def _hint(wanted: str, code: str, pages: Iterable[str]) -> str:
    """Return what was meant: a code that was begun like one, or the name of a command."""
    near = nearest(code, pages)
    if near and difflib.SequenceMatcher(None, code[2:], near[2:]).ratio() >= _ALIKE:
        return f"did you mean {near}?"
    command = nearest(wanted.lower(), COMMANDS)
    return f"did you mean postroom help {command}?" if command else "postroom help lists all codes"


_ALIKE = 0.6  # of what stands behind "E-", which all codes share


def _pages() -> dict[str, tuple[str, Exit]]:
    pages = {code: (inspect.getdoc(error) or "", error.exit) for code, error in by_code().items()}
    return dict(sorted((pages | {"E-BUG": (_BUG, Exit.BUG)}).items()))
