"""`postroom completion`: what a shell needs to complete our commands."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command(short_help="Print the shell completion script.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the shell completion script.

    \b
    bash: postroom completion bash > /etc/bash_completion.d/postroom
    zsh:  postroom completion zsh > "${fpath[1]}/_postroom"
    fish: postroom completion fish > ~/.config/fish/completions/postroom.fish
    """  # noqa: D301  (the escape is meant: click leaves the lines below it as they are)
    script = get_completion_class(shell)
    assert script is not None  # noqa: S101  (click knows the three that the argument takes; a test asks for each)
    click.echo(script(ctx.find_root().command, {}, "postroom", "_POSTROOM_COMPLETE").source())
