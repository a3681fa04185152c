"""`postroom demo`: a whole postroom in a temporary folder."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import click

from postroom import maildir
from postroom.app.compose import App, open_app
from postroom.app.dissecting import dissection
from postroom.app.house import build_house
from postroom.app.logs import to_stderr
from postroom.cli.demo_mails import ADDRESS, DOMAIN, Sample, samples
from postroom.cli.words import counted
from postroom.config.load import load
from postroom.config.settings import Log
from postroom.core.announcement import Announcement
from postroom.core.rules import Standard
from postroom.db.schema import revision
from postroom.jobs.announcing import announce_due
from postroom.jobs.extracting import extract_due
from postroom.jobs.house import House
from postroom.jobs.polling import poll

_CONFIG = f"""# Made by `postroom demo`.
state_dir = "."

[orgs]
address = "{ADDRESS}"

[org.acme]
name = "Acme GmbH"
[org.beta]
name = "Beta AG"

[maildir.intake]
path = "Maildir"
"""


@click.command(short_help="Run a whole postroom in a temporary folder and show what it does.")
@click.option("--keep", is_flag=True, help="Keep the folder, to look around and go on.")
def demo(keep: bool) -> None:
    """Run the main job on sample mails: from a Maildir through routing and archive to documents.

    Everything happens in a temporary folder; no server and no network is used.
    """
    with _folder(keep=keep) as folder:
        (folder / "postroom.toml").write_text(_CONFIG, encoding="utf-8")
        maildir.create(folder / "Maildir")
        loaded = load(folder / "postroom.toml", environ={}, cwd=folder, home=folder, is_root=False)
        to_stderr(Log(level="critical", format="console"))
        started = time.monotonic()
        with open_app(loaded.settings) as app:
            _show_house(app, started)
            _show_mails(app, folder / "Maildir")
        _show_way_on(folder, keep=keep)


@contextmanager
def _folder(*, keep: bool) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="postroom-demo-"))
    try:
        yield folder
    finally:
        if not keep:
            shutil.rmtree(folder)


def _show_house(app: App, started: float) -> None:
    schema = revision(app.database)
    click.echo(f" ok  database   sqlite, schema {schema}{_ms(started):>12} ms")
    app.store.probe()
    click.echo(" ok  archive    ./archive")
    click.echo(" ok  maildir    ./Maildir")


def _show_mails(app: App, intake: Path) -> None:
    mails = samples()
    click.echo(
        f"Sending {len(mails)} sample messages "
        "(2 orgs, 1 duplicate, 1 unknown org, 1 broken MIME, 1 winmail.dat)"
    )
    told = _Told()
    house = replace(build_house(app), notifier=told)
    for sample in mails:
        maildir.deliver(intake, sample.raw)
        click.echo(f"  orders+{sample.tag}  {_quoted(sample.subject):14}{_outcome(app, house, told, sample)}")


def _outcome(app: App, house: House, told: _Told, sample: Sample) -> str:
    """Poll, extract and announce, and say in words what became of the sample."""
    started = time.monotonic()
    tally = poll(house.sources["intake"], house)
    stored = _ms(started)
    if tally.quarantined:
        reason = max(app.quarantine.held(), key=lambda held: held.id).reason
        return f"quarantined: {reason}   -> postroom org add {sample.tag}"
    if tally.duplicates:
        return f"duplicate of {told.message[-12:]}, skipped"
    started = time.monotonic()
    documents = extract_due(house, until_empty=True).documents
    parsed = _ms(started)
    told.names.clear()
    announce_due(house)
    with dissection(sample.raw, Standard(app.settings.limits)) as mail:
        parts = [part for part, _ in mail.parts()]
    defects = sum(len(part.defects) for part in parts)
    warned = f" with {counted(defects, 'warning')}" if defects else f" {parsed} ms"
    boxes = [
        f"unpacked from {part.filename}" for part in parts if part.reason == "container" and part.filename
    ]
    names = ", ".join([*told.names, *boxes])
    return f"stored {stored} ms  parsed{warned}  {counted(documents, 'document')}  ({names})"


@dataclass(slots=True)
class _Told:
    """The next system of the demo: it remembers what it was told."""

    names: list[str] = field(default_factory=list)
    message: str = ""

    def send(self, announcement: Announcement) -> None:
        self.names.append(announcement.body["filename"])
        self.message = str(announcement.message_id)


def _show_way_on(folder: Path, *, keep: bool) -> None:
    called = called_as()
    if keep:
        click.echo(f"Kept in {folder}")
        click.echo(f"Try it:  {called} -c {folder}/postroom.toml ingest my.eml --to orders+acme@{DOMAIN}")
    else:
        click.echo(f"Try it:  {called} demo --keep   and then, in the folder that it names:")
        click.echo(f"         {called} ingest my.eml --to orders+acme@{DOMAIN}")


def called_as() -> str:
    """Return how this postroom is called here, so that its lines can be copied: by its path in a checkout."""
    asked = Path(sys.argv[0])
    if asked.name != "postroom":
        return "postroom"
    on_path = shutil.which("postroom")
    if on_path and Path(on_path).absolute() == asked.absolute():
        return "postroom"
    return str(asked.absolute())


def _quoted(subject: str) -> str:
    return f'"{subject}"'


def _ms(started: float) -> int:
    return round((time.monotonic() - started) * 1000)
