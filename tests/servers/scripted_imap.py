"""An IMAP server of a few lines that refuses, on demand, what a healthy one never would."""

from __future__ import annotations

import base64
import re
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast

from postroom.config.masked import Secret
from postroom.config.settings import Action, After, Mailbox, Recipients, Tls, Zone

REFUSES = "NO"
HANGS_UP = "BYE"
IS_SILENT = "silence"


class ScriptedImap(socketserver.ThreadingTCPServer):
    """One INBOX; `moods` says per UID how a FETCH of its size or body goes wrong.

    With `spares_sizes` only a FETCH of its body does.  `once` is a mood that the next FETCH of any mail
    meets, and none after it.  `says` is what a command is answered instead of being done.  An AUTHENTICATE is
    led to its end first; `told` is what the client said in it, and `challenge` the reason of a refusal.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.mails: dict[int, bytes] = {}
        self.moods: dict[int, str] = {}
        self.spares_sizes = False
        self.once = ""
        self.refuses_searches = False
        self.fetches: list[str] = []
        self.says: dict[str, str] = {}
        self.told: list[bytes] = []
        self.challenge = b""

    @property
    def mailbox(self) -> Mailbox:
        return Mailbox(
            name="orders",
            host="127.0.0.1",
            port=self.server_address[1],
            user="orders",
            password=Secret("any"),
            tls=Tls.OFF,
            tls_ca=None,
            tls_verify=True,
            folders=("INBOX",),
            since_seconds=None,
            poll_seconds=60.0,
            max_per_poll=200,
            after=After(Action.KEEP, folder="", flag=""),
            recipients=Recipients(org="acme", trust=(), trusted_hops=0, trusted_zone=Zone.ALL, to_cc=False),
        )

    def put(self, *bodies: bytes) -> None:
        """Add mails under the next UIDs."""
        for body in bodies:
            uid = max(self.mails, default=0) + 1
            self.mails[uid] = b"Message-ID: <%d@x>\r\nSubject: mail %d\r\n\r\n" % (uid, uid) + body


@contextmanager
def scripted_imap() -> Iterator[ScriptedImap]:
    """Serve as long as the block lasts."""
    with ScriptedImap() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


class _Session(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def handle(self) -> None:
        self.wfile.write(b"* OK [CAPABILITY IMAP4rev1] ready\r\n")
        for line in self.rfile:
            tag, _, command = line.decode("ascii").strip().partition(" ")
            done = self._answer(command)
            if not done:
                return
            self.wfile.write(f"{tag} {done}\r\n".encode())

    @property
    def _imap(self) -> ScriptedImap:
        return cast("ScriptedImap", self.server)

    def _answer(self, command: str) -> str:
        """Write the untagged answers and return the tagged one; "" to hang up."""
        verb = command.partition(" ")[0]
        if verb == "AUTHENTICATE":
            self._lead(b"")
            if self._imap.challenge:
                self._lead(self._imap.challenge)
        if verb in self._imap.says:
            return self._imap.says[verb]
        if command.startswith("CAPABILITY"):
            self.wfile.write(b"* CAPABILITY IMAP4rev1\r\n")
        elif command.startswith(("EXAMINE", "SELECT")):
            mails = self._imap.mails
            self.wfile.write(
                f"* {len(mails)} EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n"
                f"* OK [UIDNEXT {max(mails, default=0) + 1}] ok\r\n".encode()
            )
        elif command.startswith("UID SEARCH"):
            return self._search(command)
        elif command.startswith("UID FETCH"):
            return self._fetch(command)
        return "OK done"

    def _lead(self, challenge: bytes) -> None:
        self.wfile.write(b"+ " + base64.b64encode(challenge) + b"\r\n")
        self._imap.told.append(base64.b64decode(self.rfile.readline()))

    def _search(self, command: str) -> str:
        if self._imap.refuses_searches:
            return "NO the disk is gone"
        found = _named(command.rpartition("UID ")[2].split()[0], max(self._imap.mails, default=0))
        self.wfile.write(f"* SEARCH {' '.join(str(u) for u in self._imap.mails if u in found)}\r\n".encode())
        return "OK done"

    def _fetch(self, command: str) -> str:
        self._imap.fetches.append(command.removeprefix("UID FETCH "))
        uids = _named(command.split()[2], max(self._imap.mails, default=0))
        for number, (uid, raw) in enumerate(sorted(self._imap.mails.items()), 1):
            if uid not in uids:
                continue
            goes_wrong = "BODY" in command or ("SIZE" in command and not self._imap.spares_sizes)
            mood = self._imap.moods.get(uid, "") if goes_wrong else ""
            mood, self._imap.once = self._imap.once or mood, ""
            if mood == HANGS_UP:
                self.wfile.write(b"* BYE internal error\r\n")
                return ""
            if mood == REFUSES:
                return f"NO [SERVERBUG] mail {uid} is damaged"
            if mood != IS_SILENT:
                self.wfile.write(_described(number, uid, raw, command))
        return "OK done"


def _described(number: int, uid: int, raw: bytes, command: str) -> bytes:
    words = [b'UID %d INTERNALDATE "10-Mar-2026 12:00:00 +0000"' % uid]
    if "RFC822.SIZE" in command:
        words.append(b"RFC822.SIZE %d" % len(raw))
    if piece := re.search(r"BODY.PEEK\[\](?:<(\d+)\.(\d+)>)?", command):
        start = int(piece.group(1) or 0)
        body = raw[start : start + int(piece.group(2) or len(raw))]
        name = b"BODY[]<%d>" % start if piece.group(1) else b"BODY[]"
        words.append(name + b" {%d}\r\n" % len(body) + body)
    return b"* %d FETCH (" % number + b" ".join(words) + b")\r\n"


def _named(uid_set: str, highest: int) -> set[int]:
    named: set[int] = set()
    for piece in uid_set.split(","):
        low, _, high = piece.partition(":")
        ends = [highest if end == "*" else int(end) for end in (low, high or low)]
        named |= set(range(min(ends), max(ends) + 1))
    return named
