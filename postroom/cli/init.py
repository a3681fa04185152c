"""`postroom init`: three questions, a test of the mailbox, and a commented postroom.toml."""

from __future__ import annotations

import os
import tempfile
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import click

from postroom.cli.context import current_folder, warn
from postroom.cli.oauth_questions import GivenOAuth
from postroom.cli.questions import Given, answers
from postroom.cli.tables import shown
from postroom.cli.trying_one import Trial, fitting, try_mailbox
from postroom.config.find import ETC
from postroom.config.load import Loaded, load
from postroom.config.oauth_presets import PRESETS
from postroom.config.oauth_settings import Flow
from postroom.config.template import Answers, template
from postroom.errors import Exit, FileFault, UsageFault

_NAME = "postroom.toml"


@click.command(short_help="Ask three questions and write a commented postroom.toml.")
@click.option("--dir", "folder", type=click.Path(path_type=Path), help="Where to write postroom.toml.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The file to write.")
@click.option("--user", help="Who logs in.")
@click.option("--host", help="The IMAP server's name.")
@click.option("--port", type=click.IntRange(1, 65535), help="Its port, when not the usual one.")
@click.option(
    "--tls", type=click.Choice(["implicit", "starttls", "off"]), help="Encryption; default: implicit."
)
@click.option("--tls-ca", metavar="FILE", help="PEM file of an own CA.")
@click.option("--preset", type=click.Choice(list(PRESETS)), help="The provider, in place of a host.")
@click.option(
    "--flow", type=click.Choice([str(flow) for flow in Flow]), help="By which grant tokens are got."
)
@click.option("--tenant", help="Microsoft's tenant.")
@click.option("--client-id", help="The program's own id at the provider.")
@click.option("--client-secret-file", metavar="FILE", help="The file that holds the secret of that id.")
@click.option("--service-account-file", metavar="FILE", help="The key file of a Google service account.")
@click.option("--password-file", metavar="FILE", help="The file that holds the password.")
@click.option("--password-env", metavar="NAME", help="The variable that holds the password.")
@click.option("--org", metavar="SLUG", help="The one org that all this mail is for.")
@click.option("--address", metavar="PATTERN", help="How a slug is read: orders+{org}@intake.example.com.")
@click.option("--since", metavar="DURATION", help="How far back the first connect goes; default: 7d.")
@click.option("--after", metavar="ACTION", help="keep, seen (default), flag:NAME, move:FOLDER or delete.")
@click.option("--name", default="inbox", show_default=True, help="What to call the mailbox.")
@click.option("--yes", is_flag=True, help="Ask nothing: options and defaults say it all.")
@click.option("--no-test", is_flag=True, help="Do not try the mailbox.")
def init(folder: Path | None, output: Path | None, *, no_test: bool, **options: Any) -> int:
    """Ask three questions and write a commented postroom.toml, mode 0600.

    The mailbox is tested first, and nothing is changed in it.  A file that is there is never overwritten
    unasked.
    """
    given = _given(options)
    target = _target(folder, output)
    overwrite = _may_overwrite(target, given)
    found = answers(given)
    if found.oauth:
        found = replace(found, oauth_key=_new_key())
    loaded = _read_back(template(found), secrets=not no_test)
    warn(loaded)
    if not no_test:
        trial = Trial(loaded.settings, found, given)
        if refused := try_mailbox(trial):
            return refused
        found = fitting(trial)
    write_private(target, template(found), overwrite=overwrite)
    _say_what_next(target, found)
    return Exit.OK


def _given(options: dict[str, Any]) -> Given:
    """Return the options, those about OAuth by themselves."""
    names = {field.name for field in fields(GivenOAuth)}
    about_oauth = GivenOAuth(**{name: value for name, value in options.items() if name in names})
    return Given(**{name: value for name, value in options.items() if name not in names}, oauth=about_oauth)


def _new_key() -> str:
    from postroom.oauth.sealing import new_key  # noqa: PLC0415  (brings the library of encryption)

    return new_key()


def _target(folder: Path | None, output: Path | None) -> Path:
    if folder is not None and output is not None:
        raise UsageFault("--dir and -o exclude each other", fix="give one of them")
    return Path(os.path.normpath(current_folder() / (output or (folder or Path()) / _NAME)))


def _may_overwrite(target: Path, given: Given) -> bool:
    """Return whether the target is there and may go; ends the command where a person says no."""
    try:
        target.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise FileFault(f"cannot look at {target}: {error.strerror}") from error
    if given.yes:
        raise UsageFault(f"{target} is there already", fix="move it away, or name another file with -o")
    click.confirm(f"{shown(str(target))} is there already. Overwrite it?", abort=True)
    return True


def _read_back(text: str, *, secrets: bool) -> Loaded:
    """Return what `text` says as a configuration; no variable and no conf.d counts.  Raises ConfigFault."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("POSTROOM_")}
    with tempfile.TemporaryDirectory(prefix="postroom-") as folder:
        path = Path(folder) / _NAME
        write_private(path, text, overwrite=False)
        return load(
            path,
            environ=environ,
            cwd=Path(folder),
            home=Path.home(),
            is_root=os.geteuid() == 0,
            secrets=secrets,
        )


def write_private(path: Path, text: str, *, overwrite: bool) -> None:
    """Write a file that only its owner can read, whole or not at all.  Raises FileFault."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(handle)
            if not overwrite:
                path.touch(mode=0o600, exist_ok=False)  # a rename would not mind a name taken meanwhile
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise FileFault(f"cannot write {path}: {error.strerror}", fix="name another file with -o") from error


def _say_what_next(target: Path, found: Answers) -> None:
    usual = (current_folder() / _NAME, Path.home() / ".config" / "postroom" / _NAME, ETC)
    command = "postroom" if target in usual else f"postroom -c {shown(str(target))}"
    click.echo(f"\nWrote {shown(str(target))}, which only you can read.")
    if found.oauth or isinstance(found.password, str):
        what = "key of the tokens" if found.oauth else "password"
        click.echo(f"The {what} stands in it. Keep the file from backups and version control.")
    click.echo("Nothing was changed in the mailbox.\n\nNext:")
    if found.oauth and Flow(str(found.oauth["flow"])).needs_a_person:
        click.echo(
            f"  {command} oauth login {shown(found.name)}        get the token, as {shown(found.user)}"
        )
    click.echo(f"  {command} check --connect          all that the file names, step by step")
    if found.address:
        click.echo(f"  {command} org add SLUG             for each org that gets mail")
    click.echo(f"  {command} fetch --once --dry-run   what a first round would take")
    click.echo(f"  {command} run                      the service")
