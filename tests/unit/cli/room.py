"""A small real postroom before a terminal: two orgs, a Maildir, SQLite, and an archive in a folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from postroom import maildir
from postroom.app.compose import App, open_app
from postroom.app.house import build_house
from postroom.app.logs import to_stderr
from postroom.config.load import load
from postroom.jobs.extracting import extract_due
from postroom.jobs.house import House
from postroom.jobs.once import one_round
from postroom.jobs.polling import poll
from postroom.pipeline.tally import Tally
from tests.databases import furnish
from tests.unit.cli.words import Answer, Terminal

PDF = b"%PDF-1.4\n"
CONFIG = """
[orgs]
address = "orders+{org}@in.example"
[org.acme]
name = "Acme GmbH"
[org.beta]
aliases = ["bta"]
[maildir.intake]
path = "Maildir"
[log]
level = "error"
[jobs]
attempts = 1
"""


class Room:
    """`deliver` and `fetch` bring mail in, `call` is the command line, `rows` reads its JSON lines."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self.folder = terminal.folder
        self.archive = terminal.state_dir / "archive"
        self.maildir = self.folder / "Maildir"
        furnish(terminal.state_dir)
        terminal.write(CONFIG)
        maildir.create(self.maildir)

    def deliver(
        self,
        tag: str = "acme",
        *,
        number: int = 1,
        subject: str = "Order",
        name: str = "po.pdf",
        body: str = "hi",
    ) -> bytes:
        """Put a mail with one PDF into the Maildir and return its bytes."""
        raw = (
            f"Delivered-To: orders+{tag}@in.example\nReceived: by mx\nFrom: Ann <ann@a.example>\n"
            f"Message-ID: <{number}@a.example>\nSubject: {subject}\nMIME-Version: 1.0\n"
            "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\n"
            f'{body}\n--b\nContent-Type: application/pdf; name="{name}"\n'
            "Content-Transfer-Encoding: base64\nContent-Disposition: attachment\n\nJVBERi0xLjQK\n--b--\n"
        ).encode()
        maildir.deliver(self.maildir, raw)
        return raw

    def fetch(self) -> Tally:
        """Do one round of everything due, as `fetch --once` does."""
        with self.house() as house:
            return one_round(list(house.sources.values()), house).tally

    def fail(self, *, number: int) -> None:
        """Bring a mail in whose bytes the archive loses before it is taken apart: it becomes FAILED."""
        self.deliver(number=number, subject="lost")
        with self.house() as house:
            before = set(self.archive.rglob("raw/*/*"))
            poll(house.sources["intake"], house)
            for written in set(self.archive.rglob("raw/*/*")) - before:
                written.unlink()
            extract_due(house, until_empty=True)

    @contextmanager
    def app(self) -> Iterator[App]:
        state_dir = str(self._terminal.state_dir)
        loaded = load(
            self.folder / "postroom.toml",
            environ={"POSTROOM_STATE_DIR": state_dir},
            cwd=self.folder,
            home=self._terminal.home,
            is_root=False,
        )
        to_stderr(loaded.settings.log)
        with open_app(loaded.settings) as app:
            yield app

    @contextmanager
    def house(self) -> Iterator[House]:
        with self.app() as app:
            yield build_house(app)

    def call(self, *arguments: str) -> Answer:
        return self._terminal.call(*arguments)

    def rows(self, *arguments: str) -> list[dict[str, Any]]:
        """Return what a command prints with `--json`, one object per line."""
        answer = self.call(*arguments, "--json")
        assert answer.code == 0, answer.err
        return [json.loads(line) for line in answer.out.splitlines()]

    def path(self, name: str) -> Path:
        return self.folder / name
