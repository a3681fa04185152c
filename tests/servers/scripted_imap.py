"""An IMAP server of a few lines that refuses, on demand, what a healthy one never would."""

from __future__ import annotations

import base64
import re
import socket
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BufferedIOBase
from typing import Final, cast

from postroom.config.masked import Secret
from postroom.config.settings import Action, After, Mailbox, Recipients, Tls, Zone

REFUSES = "NO"
HANGS_UP = "BYE"
SAYS_BAD = "BAD"
IS_SILENT = "silence"
IS_GOOD = "good"
IS_DEAF = "deaf"
IS_EAGER = "eager"
IS_CUT = "cut"
IS_LONGER = "longer than announced"
IS_NEGATIVE = "negative"
IS_ENDLESS = "ten gigabytes"
IS_NIL = "NIL"
IS_QUOTED = "quoted"
STALLS = "stalls"
_TEN_GB = 10_000_000_000


class ScriptedImap(socketserver.ThreadingTCPServer):
    """One INBOX; `moods` says per UID how a FETCH of its size or body goes wrong.

    `refuses_searches` is what it answers to every SEARCH; where it `is_broken`, it does nothing at all.
    The mails in `deleted` are marked so.  It shows `folders`, spelled as they are sent; `opened` are those
    that were asked for.  With `utf8` it offers UTF8=ACCEPT.
    With `spares_sizes` only a FETCH of its body does.  `once` is a mood that the next FETCH of any mail
    meets, and none after it.  `says` is what a command is answered instead of being done.  An AUTHENTICATE is
    led to its end first; `told` is what the client said in it, and `challenge` the reason of a refusal.

    `idle` is how it takes IDLE: IS_GOOD, IS_SILENT to it, IS_DEAF to DONE, IS_EAGER to tell of mail in the
    breath of its answer, or "" for not at all; `resting` are the ways to those who are in it.  Where it has
    `labels`, by UID, it is a Gmail; unless it `keeps_labels`, it says OK to a label and forgets it.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.mails: dict[int, bytes] = {}
        self.moods: dict[int, str] = {}
        self.spares_sizes = False
        self.once = ""
        self.refuses_searches = ""
        self.deleted: set[int] = set()
        self.utf8 = False
        self.folders = ["INBOX"]
        self.opened: list[str] = []
        self.is_broken = False
        self.fetches: list[str] = []
        self.sent_in_vain = 0
        self.idle = ""
        self.forgets = False
        self.openings = 0
        self.labels: dict[int, set[str]] | None = None
        self.keeps_labels = True
        self.uidvalidity = 7
        self.uid_next = 0
        self.resting: list[BufferedIOBase] = []
        self.sessions = 0
        self.says: dict[str, str] = {}
        self.told: list[bytes] = []
        self.challenge = b""
        self.tls: ssl.SSLContext | None = None

    def get_request(self) -> tuple[socket.socket, object]:
        """Return the next connection, in TLS from its first byte where there is a context for it."""
        connection, address = super().get_request()
        return (self.tls.wrap_socket(connection, server_side=True) if self.tls else connection), address

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
        self._imap.sessions += 1
        self._shown = 0
        self.wfile.write(b"* OK ready\r\n")
        for line in self.rfile:
            tag, _, command = line.decode("utf-8").strip().partition(" ")
            if command == "IDLE":
                self._rest(tag)
                continue
            done = self._answer(command)
            if not done:
                return
            self.wfile.write(f"{tag} {done}\r\n".encode())

    def _rest(self, tag: str) -> None:
        if self._imap.idle == IS_SILENT:
            return
        news = b"* 9 EXISTS\r\n" if self._imap.idle == IS_EAGER else b""
        self._imap.resting.append(self.wfile)  # before the answer: whoever hears it looks there
        self.wfile.write(b"+ idling\r\n" + news)
        self._noop("")
        while self.rfile.readline() and self._imap.idle == IS_DEAF:
            pass
        self._imap.resting.remove(self.wfile)
        with suppress(OSError):
            self.wfile.write(f"{tag} OK done\r\n".encode())

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
        answers = {
            "CAPABILITY": self._capability,
            "NOOP": self._noop,
            "ENABLE": self._enable,
            "LIST": self._list,
            "EXAMINE": self._select,
            "SELECT": self._select,
            "UID SEARCH": self._search,
            "UID STORE": self._store,
            "UID FETCH": self._labels if "X-GM-LABELS" in command else self._fetch,
            "FETCH": self._number,
        }
        answer = next((answer for name, answer in answers.items() if command.startswith(name)), None)
        return answer(command) if answer else _DONE

    def _capability(self, _command: str) -> str:
        idle = " IDLE" if self._imap.idle else ""
        labels = " X-GM-EXT-1" if self._imap.labels is not None else ""
        utf8 = " ENABLE UTF8=ACCEPT" if self._imap.utf8 else ""
        self.wfile.write(f"* CAPABILITY IMAP4rev1{idle}{labels}{utf8}\r\n".encode())
        return self._noop("") if self._imap.openings else _DONE

    def _noop(self, _command: str) -> str:
        if not self._imap.forgets and len(self._imap.mails) > self._shown:
            self._shown = len(self._imap.mails)
            self.wfile.write(f"* {self._shown} EXISTS\r\n".encode())
        return _DONE

    def _enable(self, _command: str) -> str:
        self.wfile.write(b"* ENABLED UTF8=ACCEPT\r\n")
        return _DONE

    def _list(self, _command: str) -> str:
        for folder in self._imap.folders:
            self.wfile.write(f'* LIST () "/" "{folder}"\r\n'.encode())
        return _DONE

    def _select(self, command: str) -> str:
        mails = self._imap.mails
        self._imap.opened.append(command.partition(" ")[2].strip('"'))
        self._imap.openings += 1
        self._shown = len(mails)
        uid_next = self._imap.uid_next or max(mails, default=0) + 1
        self.wfile.write(
            f"* {len(mails)} EXISTS\r\n* OK [UIDVALIDITY {self._imap.uidvalidity}] ok\r\n"
            f"* OK [UIDNEXT {uid_next}] ok\r\n".encode()
        )
        return _DONE

    def _store(self, command: str) -> str:
        if self._imap.labels is not None and self._imap.keeps_labels:
            label = command.rpartition("(")[2].rstrip(")").strip('"')
            for uid in _named(command.split()[2], max(self._imap.mails)):
                self._imap.labels.setdefault(uid, set()).add(label)
        return _DONE

    def _labels(self, _command: str) -> str:
        for number, uid in enumerate(sorted(self._imap.mails), 1):
            labels = " ".join(f'"{label}"' for label in (self._imap.labels or {}).get(uid, ()))
            self.wfile.write(f"* {number} FETCH (UID {uid} X-GM-LABELS ({labels}))\r\n".encode())
        return _DONE

    def _lead(self, challenge: bytes) -> None:
        self.wfile.write(b"+ " + base64.b64encode(challenge) + b"\r\n")
        self._imap.told.append(base64.b64decode(self.rfile.readline()))

    def _search(self, command: str) -> str:
        if self._imap.is_broken or self._imap.refuses_searches:
            return self._imap.refuses_searches or "NO the disk is gone"
        found = _named(command.rpartition("UID ")[2].split()[0], max(self._imap.mails, default=0))
        self.wfile.write(f"* SEARCH {' '.join(str(u) for u in self._imap.mails if u in found)}\r\n".encode())
        return "OK done"

    def _number(self, command: str) -> str:
        """Tell the UIDs of mails that are named by their numbers."""
        self._imap.fetches.append(command)
        if self._imap.is_broken:
            return "NO the disk is gone"
        for number in sorted(_named(command.split()[1], len(self._imap.mails))):
            self.wfile.write(f"* {number} FETCH (UID {sorted(self._imap.mails)[number - 1]})\r\n".encode())
        return _DONE

    def _fetch(self, command: str) -> str:
        self._imap.fetches.append(command.removeprefix("UID FETCH "))
        if self._imap.is_broken:
            return "NO the disk is gone"
        uids = _named(command.split()[2], max(self._imap.mails, default=0))
        for number, (uid, raw) in enumerate(sorted(self._imap.mails.items()), 1):
            if uid not in uids:
                continue
            goes_wrong = "BODY" in command or ("SIZE" in command and not self._imap.spares_sizes)
            mood = self._imap.moods.get(uid, "") if goes_wrong else ""
            mood, self._imap.once = self._imap.once or mood, ""
            said = self._give(mood, number, uid, raw, command)
            if said != _DONE:
                return said
        return _DONE

    def _give(self, mood: str, number: int, uid: int, raw: bytes, command: str) -> str:
        """Write what is told of one mail; return the answer that ends the command, or _DONE to go on."""
        opening = b"* %d FETCH (UID %d BODY[] " % (number, uid)
        is_whole = "BODY.PEEK[]" in command
        if mood == HANGS_UP:
            self.wfile.write(b"* BYE internal error\r\n")
        if mood in _REFUSALS:
            return _REFUSALS[mood].format(uid=uid)
        if mood == STALLS and is_whole:
            self.wfile.write(opening + b"{%d}\r\n" % len(raw) + raw[: len(raw) // 2])
            self.rfile.read()  # until the other end has enough of it
            return ""
        if mood == IS_ENDLESS and is_whole:
            self.wfile.write(opening + b"{%d}\r\n" % _TEN_GB)
            self._never_end()
            return ""
        if mood in _SPOILED and is_whole:
            self.wfile.write(opening + _SPOILED[mood](raw))
            return "" if mood == IS_CUT else _DONE
        if mood != IS_SILENT:
            flags = "\\Deleted" if uid in self._imap.deleted else ""
            self.wfile.write(_described(number, uid, raw, command, flags))
        return _DONE

    def _never_end(self) -> None:
        """Send until the other end has enough of it."""
        with suppress(OSError):
            for _ in range(_TEN_GB // len(_MANY_ZEROS)):
                self.wfile.write(_MANY_ZEROS)
                self._imap.sent_in_vain += len(_MANY_ZEROS)


_DONE = "OK done"
_REFUSALS: Final = {
    HANGS_UP: "",
    REFUSES: "NO [SERVERBUG] mail {uid} is damaged",
    SAYS_BAD: "BAD Command Argument Error. 11",
}
_MANY_ZEROS = bytes(65_536)
_SPOILED: Final[dict[str, Callable[[bytes], bytes]]] = {
    IS_CUT: lambda raw: b"{%d}\r\n" % len(raw) + raw[: len(raw) // 2],
    IS_LONGER: lambda raw: b"{%d}\r\n" % (len(raw) // 2) + raw + b")\r\n",
    IS_NEGATIVE: lambda raw: b"{-%d}\r\n" % len(raw) + raw + b")\r\n",
    IS_NIL: lambda _raw: b"NIL)\r\n",
    IS_QUOTED: lambda raw: b'"' + raw.replace(b"\r\n", b" ") + b'")\r\n',
}


def _described(number: int, uid: int, raw: bytes, command: str, flags: str) -> bytes:
    words = [b'UID %d INTERNALDATE "10-Mar-2026 12:00:00 +0000"' % uid]
    if "FLAGS" in command:
        words.append(f"FLAGS ({flags})".encode())
    if "RFC822.SIZE" in command:
        words.append(b"RFC822.SIZE %d" % len(raw))
    if "HEADER.FIELDS (MESSAGE-ID)" in command:
        field = next(line for line in raw.split(b"\r\n") if line.lower().startswith(b"message-id:"))
        words.append(b"BODY[HEADER.FIELDS (MESSAGE-ID)] {%d}\r\n%b\r\n\r\n" % (len(field) + 4, field))
    if piece := re.search(r"BODY.PEEK(\[(?:HEADER)?\])", command):
        body = raw if piece.group(1) == "[]" else raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
        words.append(f"BODY{piece.group(1)} ".encode() + b"{%d}\r\n" % len(body) + body)
    return b"* %d FETCH (" % number + b" ".join(words) + b")\r\n"


def _named(uid_set: str, highest: int) -> set[int]:
    named: set[int] = set()
    for piece in uid_set.split(","):
        low, _, high = piece.partition(":")
        ends = [highest if end == "*" else int(end) for end in (low, high or low)]
        named |= set(range(min(ends), max(ends) + 1))
    return named
