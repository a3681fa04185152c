"""No secret is ever said or kept as it is: all commands at debug, all they print and all they leave."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import MetaData, select

from postroom.app.compose import open_app
from postroom.cli import registry
from postroom.config.load import load
from postroom.oauth.sealing import new_key
from tests.command import ENVIRONMENT, postroom
from tests.databases import every_row
from tests.mailbox import mail
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.fixtures import fresh_mailbox
from tests.servers.waiting import free_port, wait_until

# Each command is a process of its own, and there are many.
pytestmark = [pytest.mark.dovecot, pytest.mark.timeout(300)]

# `run` is told below; the others have a folder or a terminal of their own, or are services beside it.
NOT_TOLD = {"demo", "init", "worker", "relay", "run"}
COMMANDS = (
    "check",
    "check --connect",
    "config show",
    "fetch --once --dry-run",
    "fetch --once",
    "status",
    "status --json",
    "messages --json",
    "documents --json",
    "quarantine list --json",
    "quarantine show 1",
    "quarantine assign 1 acme --always",
    "quarantine rules",
    "explain <1@customer.example>",
    "explain <1@customer.example> --json",
    "replay <1@customer.example>",
    "audit --json",
    "org list",
    "org add beta",
    "org export --postfix",
    "inspect {folder}/mail.eml",
    "ingest --to orders+acme@in.example {folder}/mail.eml",
    "deliver --maildir {folder}/Maildir/ --recipient orders+acme@in.example",
    "setup postfix --domain in.example --dry-run",
    "completion bash",
    "failpoints",
    "db grants",
    "healthcheck",
    "oauth login cloud",
    "db upgrade",
    "help E-IMAP-AUTH",
)


class Desk:
    """A postroom with a mailbox that works, one that refuses the login, and one by OAuth 2.0 that is away."""

    def __init__(self, folder: Path, dovecot: Dovecot) -> None:
        self.folder, self.box = folder, fresh_mailbox(dovecot)
        self.canaries = {
            "password": PASSWORD,
            "refused password": "canary-of-a-refused-login",
            "client secret": "canary-of-the-client",
            "oauth key": new_key(),
            **{
                name: ENVIRONMENT[name]
                for name in ENVIRONMENT
                if name.endswith(("__PASSWORD", "_SECRET_KEY"))
            },
        }
        self.config = folder / "postroom.toml"
        orders, refused, cloud = (
            f'host = "localhost"\nport = {box.port}\nuser = "{box.user}"\ntls_ca = "{box.tls_ca}"\n'
            for box in (self.box, fresh_mailbox(dovecot), fresh_mailbox(dovecot))
        )
        self.config.write_text(
            f'state_dir = "{folder}/state"\n[log]\nlevel = "debug"\n'
            '[orgs]\naddress = "orders+{org}@in.example"\n[org.acme]\n'
            f'[oauth]\nkey = "{self.canaries["oauth key"]}"\n'
            f'[mailbox.orders]\n{orders}password = "{PASSWORD}"\ntrust = "postfix"\nsince = "all"\n'
            f'[mailbox.refused]\n{refused}password = "{self.canaries["refused password"]}"\n'
            f'[mailbox.cloud]\norg = "acme"\n{cloud}[mailbox.cloud.oauth]\nflow = "client_credentials"\n'
            f'client_id = "us"\nclient_secret = "{self.canaries["client secret"]}"\nscope = ["mail"]\n'
            f'token_url = "http://localhost:{free_port()}/token"\n'
        )
        self.config.chmod(0o600)
        (folder / "mail.eml").write_bytes(mail("<3@customer.example>", to="orders+acme@in.example"))
        for number, tag in enumerate(("acme", "nope"), start=1):
            dovecot.deliver(
                self.box.user,
                mail(f"<{number}@customer.example>", to=f"orders+{tag}@in.example", po=b"%PDF-1.4"),
            )

    def leaked(self, where: str, text: str) -> list[str]:
        return [f"{name} in {where}" for name, canary in self.canaries.items() if canary in text]

    def left_behind(self) -> list[str]:
        """Return the secrets in the files of the state folder, and in every row of the database."""
        found = [
            leak
            for path in (self.folder / "state").rglob("*")
            if path.is_file()
            for leak in self.leaked(path.name, path.read_bytes().decode("latin-1"))
        ]
        loaded = load(
            self.config, environ=ENVIRONMENT, cwd=self.folder, home=self.folder, is_root=False, secrets="own"
        )
        with open_app(loaded.settings) as app, every_row(app.database) as connection:
            tables = MetaData()
            tables.reflect(connection)
            for table in tables.sorted_tables:
                rows = connection.execute(select(table)).all()
                found += self.leaked(f"the table {table.name}", repr(rows))
        return found

    def serve(self) -> str:
        """Run the service until it has polled, and return all that it said."""
        said = self.folder / "said"
        command = [sys.executable, "-m", "postroom", "-c", str(self.config), "run"]
        with (
            said.open("wb") as out,
            subprocess.Popen(command, stdout=out, stderr=out, env=ENVIRONMENT) as process,
        ):
            try:
                wait_until(lambda: b"E-IMAP-AUTH" in said.read_bytes(), "a refused poll", seconds=60)
                process.send_signal(signal.SIGTERM)
                assert process.wait(60) == 0
            finally:
                process.kill()
        return said.read_text()


def test_every_command_is_asked_for_its_secrets() -> None:
    asked = {words.partition(" ")[0] for words in COMMANDS}

    assert sorted(asked | NOT_TOLD) == sorted(registry.COMMANDS)
    assert asked & NOT_TOLD == set()


def test_no_secret_is_said_by_any_command_or_left_anywhere(tmp_path: Path, dovecot: Dovecot) -> None:
    desk = Desk(tmp_path, dovecot)

    answers = {
        words: postroom(desk.config, *words.format(folder=tmp_path).split(" "), answer=None)
        for words in COMMANDS
    }
    printed = {words: done.out + done.err for words, done in answers.items()} | {"run": desk.serve()}

    leaks = [leak for words, text in printed.items() for leak in desk.leaked(words, text)]
    assert leaks + desk.left_behind() == []
    # What was run did meet the secrets: mail came by one, another was refused.
    assert '"accepted"' in printed["fetch --once"]
    assert "E-IMAP-AUTH" in printed["check --connect"]
    assert [words for words, done in answers.items() if "E-BUG" in done.err] == []
    assert [words for words, done in answers.items() if "No such" in done.err] == []


def test_a_secret_that_is_kept_would_be_found(tmp_path: Path, dovecot: Dovecot) -> None:
    desk = Desk(tmp_path, dovecot)
    postroom(desk.config, "org", "add", "beta", "--name", desk.canaries["client secret"])
    (tmp_path / "state" / "left").write_text(PASSWORD)

    found = desk.left_behind()

    assert "client secret in the table org" in found
    assert "password in left" in found
