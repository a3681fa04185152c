"""What was sent, written down outside of postroom."""

from __future__ import annotations

import base64
import hashlib
import random
from dataclasses import dataclass, field, replace

ORGS = ("acme", "beta", "gamma")
HELD = ""
"""The org of a mail that none should get: the quarantine has it."""


@dataclass(frozen=True, slots=True)
class Sent:
    """One mail: whose it is, its Message-ID, the digests of the files in it, and how often it was sent."""

    org: str
    message_id: str
    documents: tuple[str, ...]
    raw: bytes
    copies: int = 1


@dataclass(slots=True)
class Post:
    """Writes mails from a seed, so that a campaign can be run again.

    With `mixed`, some are sent twice, have no file in them, take up the Message-ID of the one before with
    other content, or are for an org that does not exist.
    """

    seed: int
    largest_bytes: int = 40_000  # of one attachment
    smallest_bytes: int = 1
    most_files: int = 3
    mixed: bool = False
    chance: random.Random = field(init=False)
    written: int = 0
    _last: str = ""

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)  # noqa: S311  (a seed repeats a campaign)

    def write(self) -> Sent:
        """Return the next mail: some attachments for one of the orgs."""
        self.written += 1
        message_id, org = f"<{self.written}.{self.seed}@sender.test>", self.chance.choice(ORGS)
        if not self.mixed:
            return self._mail(org, message_id, self.chance.randint(1, self.most_files))
        kind = self.chance.choice(["plain"] * 6 + ["bare", "twice", "conflict", "held"])
        if kind == "bare":
            return self._mail(org, message_id, 0)
        if kind == "held":
            return replace(self._mail("nobody", message_id, 1), org=HELD, documents=())
        if kind == "conflict" and self._last:
            org, message_id = self._last.split(" ", 1)
        sent = self._mail(org, message_id, self.chance.randint(1, self.most_files))
        self._last = "" if kind == "conflict" else f"{org} {message_id}"
        return replace(sent, copies=2) if kind == "twice" else sent

    def _mail(self, org: str, message_id: str, files: int) -> Sent:
        contents = [
            self.chance.randbytes(self.chance.randint(self.smallest_bytes, self.largest_bytes))
            for _ in range(files)
        ]
        digests = tuple(hashlib.sha256(content).hexdigest() for content in contents)
        return Sent(org, message_id, digests, _raw(org, message_id, contents))


def address(sent: Sent) -> str:
    """Return the envelope recipient of a mail."""
    return f"orders+{sent.org or 'nobody'}@in.test"


def _raw(org: str, message_id: str, files: list[bytes]) -> bytes:
    parts = b"".join(
        b'--cut\r\nContent-Type: application/pdf; name="%d.pdf"\r\nContent-Disposition: attachment\r\n'
        b"Content-Transfer-Encoding: base64\r\n\r\n%s\r\n"
        % (number, base64.encodebytes(content).replace(b"\n", b"\r\n"))
        for number, content in enumerate(files)
    )
    text = b"--cut\r\nContent-Type: text/plain\r\n\r\nten chairs\r\n"
    head = (
        f"Delivered-To: orders+{org}@in.test\r\nReceived: from a by b; Mon, 02 Nov 2026 08:00:00 +0000\r\n"
        f"From: buyer@sender.test\r\nSubject: order\r\nMessage-ID: {message_id}\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/mixed; boundary="cut"\r\n\r\n'
    )
    return head.encode() + text + parts + b"--cut--\r\n"
