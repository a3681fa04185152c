"""A real Dovecot 2.3 in a temp folder, on 127.0.0.1, as root or as a plain user."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from postroom import maildir
from tests.servers.certificates import Certificates, make_certificates
from tests.servers.mail_program import PASSWORD, mail_program
from tests.servers.waiting import free_port, wait_until

PACKAGE = "dovecot-imapd (Debian package)"
LMTP_SERVER = Path("/usr/lib/dovecot/lmtp")

__all__ = ["LMTP_SERVER", "PACKAGE", "PASSWORD", "Dovecot", "find_dovecot", "found_version"]

_CONFIG = """
base_dir = {root}/run
state_dir = {root}/state
log_path = {root}/dovecot.log
protocols = imap
{capability}
{more}
listen = 127.0.0.1
default_internal_user = {server_user}
default_internal_group = {server_group}
default_login_user = {login_user}
default_vsz_limit = 0
auth_failure_delay = 0
auth_mechanisms = plain login{more_mechanisms}
disable_plaintext_auth = no
first_valid_uid = 1
mail_location = maildir:~/Maildir
mail_uid = {mail_user}
mail_gid = {mail_group}
mail_max_userip_connections = {connections}
login_log_format_elements = user=<%u> method=%m lport=%a mpid=%e session=<%{{session}}>
ssl = yes
ssl_cert = <{certificate}
ssl_key = <{key}
{passdb}passdb {{
  driver = passwd-file
  args = scheme=PLAIN {root}/users/%u
}}
userdb {{
  driver = static
  args = uid={mail_user} gid={mail_group} home={root}/mail/%u
}}
namespace inbox {{
  inbox = yes
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    address = 127.0.0.1
    port = {port}
  }}
  inet_listener imaps {{
    address = 127.0.0.1
    port = {tls_port}
    ssl = yes
  }}
  {doors}
}}
service anvil {{
  chroot =
  # No penalty for a wrong password: all tests come from one address.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  chroot =
}}
"""

_TOKEN_PASSDB = """passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {root}/oauth2.conf
}}
"""
_TOKEN_CONFIG = """
introspection_mode = post
introspection_url = {url}
username_attribute = username
active_attribute = active
active_value = true
"""
_DOOR = """
  inet_listener door{number} {{
    address = 127.0.0.1
    port = {port}
  }}
"""


def find_dovecot() -> str | None:
    """Return the binary, also where /usr/sbin is not in a plain user's PATH."""
    return shutil.which("dovecot", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")


def found_version() -> str:
    """Return the version that is installed, such as "2.3.19.1 (9b53102964)"; "" where there is none."""
    binary = find_dovecot()
    if binary is None:
        return ""
    return subprocess.run([binary, "--version"], check=True, capture_output=True, text=True).stdout.strip()


class Dovecot:
    """An IMAP server: implicit TLS on `tls_port`, plain and STARTTLS on `port`, users made on demand.

    `capability` is what it admits to be able to, where that should be less than it is.  `doors` are further
    ports like `port`; the log says by which one a client came in.  `more` goes into its configuration.  With
    `introspection`, the address at which it asks whose a token is, it takes XOAUTH2 and OAUTHBEARER too.
    `connections` is how many of them a user may have.  It fulfils ImapServer.
    """

    name = "Dovecot"
    lacks: Mapping[str, str] = MappingProxyType({})

    def __init__(
        self,
        root: Path,
        capability: str = "",
        doors: int = 0,
        more: str = "",
        introspection: str = "",
        connections: int = 50,
    ) -> None:
        self.root = root
        self._more = more
        self._connections = connections
        self._introspection = introspection
        self._capability = capability
        self.doors = [free_port() for _ in range(doors)]
        self.port = free_port()
        self.tls_port = free_port()
        self.certificates: Certificates | None = None
        self._server: subprocess.Popen[bytes] | None = None
        self._mail_user, self._mail_group = _mail_owner()

    # --- the server ------------------------------------------------------------------------------

    def start(self) -> None:
        """Return when the server greets."""
        self._prepare()
        binary = find_dovecot() or "dovecot"
        with (self.root / "stderr").open("wb") as stderr:
            self._server = subprocess.Popen([binary, "-F", "-c", self.root / "dovecot.conf"], stderr=stderr)
        wait_until(self._greets, f"Dovecot to greet; its log: {self.log()}")

    def stop(self) -> None:
        """End the server and wait for it; safe to repeat."""
        if self._server is not None:
            self._server.terminate()
            self._server.wait(timeout=15)
            self._server = None

    def restart(self) -> None:
        """Break every connection."""
        self.stop()
        self.start()

    @property
    def pid(self) -> int:
        """Return the first process of the running server."""
        assert self._server is not None
        return self._server.pid

    @property
    def ca(self) -> Path:
        """Return the CA that signed the server's certificate."""
        return self.root / "ca.pem"

    def log(self) -> str:
        return "".join(
            path.read_text(encoding="utf-8", errors="replace")
            for path in (self.root / "stderr", self.root / "dovecot.log")
            if path.exists()
        )

    # --- the mailboxes ---------------------------------------------------------------------------

    def add_user(self, user: str, password: str = PASSWORD) -> Path:
        """Return the new user's Maildir."""
        self.set_password(user, password)
        home = self.maildir(user)
        home.parent.mkdir(mode=0o700)
        maildir.create(home)
        self._own(home.parent)
        return home

    def set_password(self, user: str, password: str) -> None:
        """Let the user in with `password`; Dovecot may not see a change after the first login."""
        # A file for each: Dovecot sees a change of one file only once its time has moved on by a second.
        (self.root / "users" / user).write_text(f"{user}:{password}\n", encoding="utf-8")

    def forget_user(self, user: str) -> None:
        """Refuse this user from now on."""
        (self.root / "users" / user).unlink()

    def maildir(self, user: str, folder: str = "INBOX") -> Path:
        """Return where the folder lies on disk."""
        home = self.root / "mail" / user / "Maildir"
        return home if folder == "INBOX" else home / f".{folder.replace('/', '.')}"

    def deliver(self, user: str, mail: bytes, *, folder: str = "INBOX", modified: float | None = None) -> str:
        """Put a mail into the folder's new/ by rename, as an MTA does; return its unique name.

        `modified` (seconds since 1970) becomes the INTERNALDATE.
        """
        home = self.maildir(user, folder)
        if not home.exists():
            maildir.create(home)
            self._own(home)
        waiting = home / "tmp" / maildir.unique_name()
        waiting.write_bytes(mail)
        if modified is not None:
            os.utime(waiting, (modified, modified))
        self._own(waiting)
        waiting.rename(home / "new" / waiting.name)
        return waiting.name

    def mails(self, user: str, folder: str = "INBOX") -> list[str]:
        """Return the file names in new and cur, flags included."""
        home = self.maildir(user, folder)
        shelves = [home / "new", home / "cur"]
        return sorted(path.name for shelf in shelves if shelf.is_dir() for path in shelf.iterdir())

    def flags(self, user: str, folder: str = "INBOX") -> list[str]:
        """Return the flags of each mail by its place in the folder, such as "\\Seen $Taken"."""
        with mail_program(self.port, user, PASSWORD) as program:
            return program.flags(folder)

    def remove(self, user: str, *subjects: str) -> None:
        """Remove the mails with these subjects, as another mail program would."""
        for shelf in ("new", "cur"):
            for path in (self.maildir(user) / shelf).iterdir():
                found = path.read_bytes().partition(b"Subject: ")[2].splitlines()[0].decode()
                if found in subjects:
                    path.unlink()

    def change_uidvalidity(self, user: str, uidvalidity: int, *, next_uid: int = 1) -> None:
        """Make the INBOX forget its UIDs: every mail gets a new one, from `next_uid` on."""
        home = self.maildir(user)
        for forgotten in (*home.glob("dovecot.index*"), *home.glob("dovecot-uid*")):
            forgotten.unlink()
        uidlist = home / "dovecot-uidlist"
        uidlist.write_text(f"3 V{uidvalidity} N{next_uid}\n", encoding="ascii")
        self._own(uidlist)

    def raise_next_uid(self, user: str, next_uid: int) -> None:
        """Leave a gap: the next mail in the INBOX gets `next_uid`."""
        uidlist = self.maildir(user) / "dovecot-uidlist"
        header, *lines = uidlist.read_text(encoding="ascii").splitlines()
        raised = " ".join(f"N{next_uid}" if word.startswith("N") else word for word in header.split())
        uidlist.write_text("\n".join([raised, *lines]) + "\n", encoding="ascii")

    # --- within ----------------------------------------------------------------------------------

    def _prepare(self) -> None:
        for folder in ("run", "state", "mail", "users"):
            (self.root / folder).mkdir(exist_ok=True)
        self.root.chmod(0o755)
        self.certificates = self.certificates or make_certificates(self.root)
        self._own(self.root / "mail")
        as_root = os.geteuid() == 0
        (self.root / "oauth2.conf").write_text(_TOKEN_CONFIG.format(url=self._introspection))
        config = _CONFIG.format(
            root=self.root,
            connections=self._connections,
            more_mechanisms=" xoauth2 oauthbearer" if self._introspection else "",
            passdb=_TOKEN_PASSDB.format(root=self.root) if self._introspection else "",
            capability=f"imap_capability = {self._capability}" if self._capability else "",
            more=self._more,
            doors="".join(_DOOR.format(number=number, port=port) for number, port in enumerate(self.doors)),
            port=self.port,
            tls_port=self.tls_port,
            certificate=self.certificates.server,
            key=self.certificates.key,
            mail_user=self._mail_user,
            mail_group=self._mail_group,
            server_user="dovecot" if as_root else self._mail_user,
            server_group="dovecot" if as_root else self._mail_group,
            login_user="dovenull" if as_root else self._mail_user,
        )
        (self.root / "dovecot.conf").write_text(config, encoding="utf-8")

    def _greets(self) -> bool:
        if self._server is None or self._server.poll() is not None:
            raise AssertionError(f"Dovecot ended at once: {self.log()}")
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1.0) as connection:
                connection.settimeout(5.0)
                return connection.recv(64).startswith(b"* OK")
        except OSError:
            return False

    def _own(self, path: Path) -> None:
        if os.geteuid() == 0:
            for one in (path, *path.rglob("*")):
                shutil.chown(one, self._mail_user, self._mail_group)


def _mail_owner() -> tuple[str, str]:
    if os.geteuid() == 0:
        return "mail", "mail"
    return pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
