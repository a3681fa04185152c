"""A real Postfix in a temp folder, on a high port of 127.0.0.1; only root can run one."""

from __future__ import annotations

import json
import os
import pwd
import re
import shutil
import smtplib
import subprocess
from pathlib import Path
from typing import Any

from postroom import maildir
from tests.servers.waiting import free_port, wait_until

PACKAGE = "postfix (Debian package)"
USER = "mail"
"""Whom deliveries are made as: Postfix delivers nothing as root."""

_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
showq unix n - n - - showq
"""

# What a recipe sets is not set here.
_MAIN = """
compatibility_level = 3.6
queue_directory = {root}/spool
data_directory = {root}/data
maillog_file = {root}/postfix.log
maillog_file_prefixes = {root}
inet_interfaces = loopback-only
inet_protocols = ipv4
myhostname = mx.test.invalid
mydestination =
mynetworks = 127.0.0.0/8
default_transport = error:no outbound mail in tests
relay_transport = error:no outbound mail in tests
alias_maps =
alias_database =
biff = no
in_flow_delay = 0
virtual_minimum_uid = 1
smtpd_client_connection_rate_limit = 0
smtpd_peername_lookup = no
smtp_dns_support_level = disabled
"""


def find_postfix() -> str | None:
    """Return the program, also where /usr/sbin is not in PATH."""
    return shutil.which("postfix", path=_PATH)


class Postfix:
    """An MTA of its own on `port`; `main` and `master` are more lines for its main.cf and master.cf.

    Mail for a domain that these lines do not make its own is refused.
    """

    def __init__(self, root: Path, *, main: str = "", master: str = "") -> None:
        self.root = root
        self.port = free_port()
        self._main, self._master = main, master

    # --- the server ------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Write its configuration and make its folders; `start` does it by itself."""
        self.root.chmod(0o755)
        for folder in ("conf", "spool", "data"):
            (self.root / folder).mkdir(exist_ok=True)
        shutil.chown(self.root / "data", "postfix")
        (self.root / "conf" / "main.cf").write_text(_MAIN.format(root=self.root) + self._main)
        (self.root / "conf" / "master.cf").write_text(_MASTER.format(port=self.port) + self._master)

    def start(self) -> None:
        """Return when the server greets."""
        if not (self.root / "conf" / "main.cf").exists():
            self.prepare()
        self.command("postfix", "start")
        wait_until(self._greets, f"Postfix to greet; its log: {self.log()}")

    def stop(self) -> None:
        """End the server and wait for it; safe to repeat."""
        if (self.root / "spool" / "pid" / "master.pid").exists():
            self.command("postfix", "stop", answer=None)

    def set(self, *lines: str) -> None:
        """Change `name = value` lines of main.cf and let the running server know."""
        self.command("postconf", "-e", *lines)
        self.command("postfix", "reload")

    def command(self, program: str, *arguments: str, answer: int | None = 0) -> str:
        """Run one of Postfix's programs on this server and return what it printed."""
        done = subprocess.run(
            [shutil.which(program, path=_PATH) or program, *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
        assert answer is None or done.returncode == answer, done.stdout + done.stderr + self.log()
        return done.stdout

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment that makes Postfix's programs, and postroom's, speak of this server."""
        return {"PATH": _PATH, "MAIL_CONFIG": str(self.root / "conf"), "LC_ALL": "C.UTF-8"}

    def log(self) -> str:
        path = self.root / "postfix.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    # --- mail ------------------------------------------------------------------------------------

    def send(self, mail: bytes, *recipients: str, sender: str = "buyer@customer.test") -> None:
        """Hand over one mail as a remote host would.  Raises what smtplib raises for a refusal."""
        with smtplib.SMTP("127.0.0.1", self.port, "customer.test", timeout=20) as client:
            client.sendmail(sender, recipients, mail)

    def queue(self) -> list[dict[str, Any]]:
        """Return what waits in the queue: its name, sender, recipients, and why each of them waits."""
        return [json.loads(line) for line in self.command("postqueue", "-j").splitlines()]

    def wait_for(self, pattern: str, *, times: int = 1) -> list[str]:
        """Return all matches of a regular expression in the log, as soon as there are so many."""
        expression = re.compile(pattern)
        wait_until(
            lambda: len(expression.findall(self.log())) >= times,
            f"{times} x {pattern!r} in {self.log()}",
            seconds=40.0,
        )
        return expression.findall(self.log())

    def _greets(self) -> bool:
        try:
            with smtplib.SMTP("127.0.0.1", self.port, timeout=5) as client:
                return client.noop()[0] == 250
        except (OSError, smtplib.SMTPException):
            return False


def own_maildir(folder: Path, user: str = USER) -> Path:
    """Make a Maildir that belongs to `user`, in a folder that is theirs too, and return it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    maildir.create(folder)
    give(user, folder.parent, folder, *(folder / shelf for shelf in ("tmp", "new", "cur")))
    return folder


def give(user: str, *paths: Path) -> None:
    """Let these belong to `user` and the user's group."""
    owner = pwd.getpwnam(user)
    for path in paths:
        os.chown(path, owner.pw_uid, owner.pw_gid)


def smtp_source(
    port: int, recipient: str, *, mails: int, sessions: int = 1, length: int = 1000, file: Path | None = None
) -> None:
    """Send mails of `length` bytes, or what is in `file`, with Postfix's own load generator.

    It ends with an error for a refusal.
    """
    program = shutil.which("smtp-source", path=_PATH) or "smtp-source"
    load = [
        "-s",
        str(sessions),
        "-m",
        str(mails),
        *(["-F", str(file)] if file else ["-l", str(length)]),
        "-f",
        "buyer@customer.test",
        "-t",
        recipient,
    ]
    subprocess.run([program, *load, f"inet:127.0.0.1:{port}"], check=True, capture_output=True, timeout=300)


_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
