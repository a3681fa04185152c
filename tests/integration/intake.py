"""A postroom beside an MTA: a Maildir of another user, and commands that know the MTA's configuration."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.command import ENVIRONMENT, Done
from tests.databases import furnish
from tests.servers.postfix import Postfix, own_maildir
from tests.servers.waiting import wait_until

ORGS = ("acme", "beta")


class Intake:
    """Mail for the orgs at in.test in `maildir`; `config` is a postroom.toml in a folder of its own."""

    def __init__(
        self, folder: Path, maildir: Path, *, orgs: Sequence[str] = ORGS, trust: str = "postfix"
    ) -> None:
        self.maildir = maildir if maildir.exists() else own_maildir(maildir)
        furnish(folder / "state")
        self.config = folder / "postroom.toml"
        self.config.write_text(
            f'state_dir = "{folder}/state"\n[orgs]\naddress = "orders+{{org}}@in.test"\n'
            f'[maildir.intake]\npath = "{self.maildir}"\ntrust = "{trust}"\n'
            + "".join(f"[org.{org}]\n" for org in orgs)
        )
        self.config.chmod(0o600)

    def postroom(self, mta: Postfix, *arguments: str, answer: int = 0) -> Done:
        """Run one command where `mta` is the machine's Postfix; it must end with `answer`."""
        done = subprocess.run(
            [sys.executable, "-m", "postroom", "-c", str(self.config), *arguments],
            env=ENVIRONMENT | mta.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=50,
        )
        assert done.returncode == answer, done.stdout + done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def mails(self) -> list[bytes]:
        """Return what lies in new/."""
        return [path.read_bytes() for path in (self.maildir / "new").iterdir()]

    def wait_for(self, count: int) -> None:
        """Return once so many mails lie in new/."""
        new = self.maildir / "new"
        wait_until(lambda: len(list(new.iterdir())) == count, f"{count} mails in {new}", seconds=40.0)

    def clear(self) -> None:
        """Leave nothing for the next test."""
        for path in self.maildir.glob("*/*"):
            path.unlink()
