"""A real GreenMail in a container, on 127.0.0.1, by testcontainers."""

from __future__ import annotations

import json
import shutil
import subprocess
import urllib.request
from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import MappingProxyType
from typing import TypedDict

from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from tests.servers.certificates import make_certificates
from tests.servers.mail_program import PASSWORD, MailProgram, mail_program, moment
from tests.servers.waiting import free_port, wait_until

IMAGE = "greenmail/standalone:2.1.8"
LACKS: Mapping[str, str] = MappingProxyType(
    {
        "STARTTLS": "it encrypts from the first byte or not at all",
        "AUTH=PLAIN": "it takes a password by LOGIN only, and so in ASCII only",
        "CONDSTORE": "it counts no changes",
        "QRESYNC": "it remembers no UIDs that are gone",
        "a log": "it logs neither who logged in nor how many bodies went out",
        "renumbering": "the UIDVALIDITY of a folder cannot be changed",
    }
)
_MOST_SECONDS = 120  # a busy machine takes its time over a Java of its own
# It lives for a minute: what makes a Java faster after that is left out.
_JAVA_OPTS = (
    "-Djava.net.preferIPv4Stack=true -Dfile.encoding=UTF-8 -Xmx512m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
)
_KEYSTORE = "/tmp/greenmail.p12"  # noqa: S108 - in the container, which has nobody else in it
_KEYSTORE_PASSWORD = "of-the-keystore"


class _User(TypedDict):
    """As GreenMail's API takes it."""

    email: str
    login: str
    password: str


def is_there() -> bool:
    """Return whether a Docker engine answers and has the image."""
    if shutil.which("docker") is None:
        return False
    asked = subprocess.run(["docker", "image", "inspect", IMAGE], check=False, capture_output=True)
    return asked.returncode == 0


class GreenMail:
    """An IMAP server that fulfils ImapServer; it keeps its mail in memory."""

    name = "GreenMail"
    lacks = LACKS

    def __init__(self, root: Path) -> None:
        self.root = root
        self.port = free_port()
        self.tls_port = free_port()
        self._api_port = free_port()
        self._container: DockerContainer | None = None
        self._passwords: dict[str, str] = {}
        self._posts: dict[str, MailProgram] = {}
        self._open = ExitStack()

    # --- the server ------------------------------------------------------------------------------

    def start(self) -> None:
        """Return when the server is ready by its own word."""
        # The container that testcontainers adds to clean up is one more image, with rights over the engine.
        testcontainers_config.ryuk_disabled = True
        # The network of the machine, and on it 127.0.0.1 only: an engine without a bridge does too.
        self._container = (
            DockerContainer(IMAGE, network_mode="host")
            .with_env("JAVA_OPTS", _JAVA_OPTS)
            .with_env("GREENMAIL_OPTS", " ".join(f"-Dgreenmail.{option}" for option in self._options()))
            .with_copy_into_container(self._keystore(), _KEYSTORE)
        )
        self._container.start()
        wait_until(self._is_ready, "GreenMail to be ready", _MOST_SECONDS)

    def stop(self) -> None:
        """End the server and remove its container; safe to repeat."""
        self._open.close()
        if self._container is not None:
            self._container.stop()
            self._container = None

    @property
    def ca(self) -> Path:
        """Return the CA that signed the server's certificate."""
        return self.root / "ca.pem"

    def log(self) -> str:
        if self._container is None:
            return ""
        return b"".join(self._container.get_logs()).decode(errors="replace")

    # --- the mailboxes ---------------------------------------------------------------------------

    def add_user(self, user: str, password: str = PASSWORD) -> None:
        """Let a new user in with `password`."""
        self._passwords[user] = password
        self._ask("user", _User(email=f"{user}@in.example", login=user, password=password))

    def deliver(
        self, user: str, mail: bytes, *, folder: str = "INBOX", modified: float | None = None
    ) -> None:
        """Append a mail to the folder; `modified` (seconds since 1970) becomes the INTERNALDATE."""
        if user not in self._posts:
            self._posts[user] = self._open.enter_context(self._program(user))
        self._posts[user].put(mail, folder, moment(modified))

    def flags(self, user: str, folder: str = "INBOX") -> list[str]:
        """Return the flags of each mail by its place in the folder, such as "\\Seen $Taken"."""
        with self._program(user) as program:
            return program.flags(folder)

    def remove(self, user: str, *subjects: str) -> None:
        """Remove the mails with these subjects, as another mail program would."""
        with self._program(user) as program:
            program.remove(*subjects)

    def forget_user(self, user: str) -> None:
        """Refuse this user from now on; the mail is gone too."""
        self._ask(f"user/{user}", method="DELETE")

    def _program(self, user: str) -> AbstractContextManager[MailProgram]:
        return mail_program(self.port, user, self._passwords[user])

    # --- within ----------------------------------------------------------------------------------

    def _options(self) -> list[str]:
        return [
            "hostname=127.0.0.1",
            f"imap.port={self.port}",
            f"imaps.port={self.tls_port}",
            "api.hostname=127.0.0.1",
            f"api.port={self._api_port}",
            f"tls.keystore.file={_KEYSTORE}",
            f"tls.keystore.password={_KEYSTORE_PASSWORD}",
            f"startup.timeout={_MOST_SECONDS * 1000}",
        ]

    def _keystore(self) -> Path:
        made = make_certificates(self.root)
        keystore = self.root / "greenmail.p12"
        subprocess.run(
            ["openssl", "pkcs12", "-export", "-in", made.server, "-inkey", made.key, "-out", keystore,
             "-passout", f"pass:{_KEYSTORE_PASSWORD}"],
            check=True,
            capture_output=True,
        )  # fmt: skip
        return keystore

    def _is_ready(self) -> bool:
        try:
            self._ask("service/readiness")
        except OSError:
            if self._has_ended():
                raise AssertionError(f"GreenMail ended at once: {self.log()}") from None
            return False
        return True

    def _has_ended(self) -> bool:
        if self._container is None:
            return True
        self._container.reload()
        return self._container.status != "running"

    def _ask(self, what: str, sent: _User | None = None, method: str | None = None) -> None:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._api_port}/api/{what}",
            method=method,
            data=json.dumps(sent).encode() if sent else None,
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10):  # noqa: S310 - its address is ours
            return
