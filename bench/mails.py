"""Mails for benches, the same ones every time, with what each holds: orders, as an intake gets them.

Whoever takes a mail apart can be held against `Mail`: nothing in it was found out by a parser.
"""

from __future__ import annotations

import base64
import hashlib
import io
import random
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Final

ORGS: Final = tuple(f"org{number:02d}" for number in range(20))
ADDRESS: Final = "orders+{org}@intake.example"
WORDS = ("order", "invoice", "delivery", "quantity", "please", "confirm", "attached", "price", "total")
_SHARES: Final = {"pdf": 0.60, "sheet": 0.15, "text": 0.10, "html": 0.10, "large": 0.05}
_XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_ZIP_EPOCH: Final = (2026, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Attachment:
    """One file of a mail, by the digest of its bytes."""

    filename: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail with CRLF; `attachments` are those that say so, not the images within an HTML text."""

    kind: str
    org: str
    message_id: str
    raw: bytes
    attachments: tuple[Attachment, ...]


def mixed(count: int, seed: int = 1) -> Iterator[Mail]:
    """Yield mails: 60 % a PDF, 15 % a sheet or CSV, 10 % text only, 10 % HTML with images, 5 % 2 to 10 MB."""
    for number, kind in enumerate(_dealt(count, seed)):
        yield _mail(number, kind, seed)


def small(count: int, seed: int = 1) -> Iterator[Mail]:
    """Yield mails of 4 KB of text."""
    for number in range(count):
        yield _mail(number, "small", seed)


def orders(count: int, seed: int = 1) -> Iterator[Mail]:
    """Yield mails with a PDF of 4 KB."""
    for number in range(count):
        yield _mail(number, "order", seed)


def single(megabytes: int, seed: int = 1) -> Mail:
    """Return one mail of about that size, with one document."""
    draft = _Draft(0, seed, f"single{megabytes}")
    return draft.mail(
        "single", [draft.attached("scan.pdf", "application/pdf", _pdf(draft, megabytes * 730_000))]
    )


def _dealt(count: int, seed: int) -> list[str]:
    kinds = [kind for kind, share in _SHARES.items() if kind != "pdf" for _ in range(round(count * share))]
    kinds += ["pdf"] * (count - len(kinds))
    random.Random(f"{seed} kinds").shuffle(kinds)
    return kinds


def _mail(number: int, kind: str, seed: int) -> Mail:
    draft = _Draft(number, seed, kind)
    return draft.mail(kind, _PARTS[kind](draft))


@dataclass(slots=True)
class _Draft:
    """A mail that is being written: chance depends on seed, kind and number, on no other mail."""

    number: int
    seed: int
    kind: str
    chance: random.Random = field(init=False)
    attachments: list[Attachment] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(f"{self.seed} {self.kind} {self.number}")

    def attached(self, filename: str, content_type: str, content: bytes) -> bytes:
        self.attachments.append(Attachment(filename, len(content), hashlib.sha256(content).hexdigest()))
        return _part(filename, content_type, content, "attachment")

    def mail(self, kind: str, parts: list[bytes]) -> Mail:
        org = self.chance.choices(ORGS, [1 / (place + 1) for place in range(len(ORGS))])[0]
        message_id = f"<{self.chance.getrandbits(80):020x}.{self.number}@supplier.example>"
        body = _multipart(self.chance, "mixed", [_plain(self.chance, 800), *parts]) if parts else self._bare()
        raw = _header(self.chance, self.number, org, message_id) + body
        return Mail(kind, org, message_id, raw, tuple(self.attachments))

    def _bare(self) -> bytes:
        return _plain(self.chance, 2_520 if self.kind == "small" else 1_000)


def _pdf_part(draft: _Draft, smallest: int, largest: int) -> list[bytes]:
    size = int(min(largest, max(smallest, draft.chance.lognormvariate(11.3, 0.7))))
    if smallest > 1_000_000:
        size = draft.chance.randrange(smallest, largest)
    return [draft.attached(f"order-{draft.number}.pdf", "application/pdf", _pdf(draft, size))]


def _sheet_part(draft: _Draft) -> list[bytes]:
    size = int(min(200_000, max(5_000, draft.chance.lognormvariate(10.3, 0.8))))
    if draft.chance.random() < 0.6:
        return [draft.attached(f"order-{draft.number}.xlsx", _XLSX, _xlsx(draft.chance, size))]
    return [draft.attached(f"order-{draft.number}.csv", "text/csv", _csv(draft.chance, size // 2))]


def _html_part(draft: _Draft) -> list[bytes]:
    chance = draft.chance
    html = (
        b"Content-Type: text/html\r\n\r\n<p>"
        + _text(chance, 2_000)
        + b'</p><img src="cid:logo"><img src="cid:sign">'
    )
    images = [
        _part(f"{name}.png", "image/png", b"\x89PNG\r\n\x1a\n" + chance.randbytes(size), "inline")
        for name, size in (
            ("logo", chance.randrange(4_000, 20_000)),
            ("sign", chance.randrange(2_000, 8_000)),
        )
    ]
    return [_multipart(chance, "related", [html, *images])]


def _nothing(_draft: _Draft) -> list[bytes]:
    return []


_PARTS: Final[dict[str, Callable[[_Draft], list[bytes]]]] = {
    "pdf": partial(_pdf_part, smallest=20_000, largest=300_000),
    "large": partial(_pdf_part, smallest=2_000_000, largest=10_000_000),
    "sheet": _sheet_part,
    "html": _html_part,
    "order": lambda draft: [draft.attached(f"{draft.number}.pdf", "application/pdf", _pdf(draft, 4_000))],
    "text": _nothing,
    "small": _nothing,
}


def _header(chance: random.Random, number: int, org: str, message_id: str) -> bytes:
    recipient = ADDRESS.format(org=org)
    hops = "".join(
        f"Received: from mx{hop}.supplier.example (mx{hop}.supplier.example [192.0.2.{hop + 1}])\r\n"
        f"\tby relay{hop}.intake.example (Postfix) with ESMTPS id {chance.getrandbits(48):012X}\r\n"
        f"\tfor <{recipient}>; 7 Jan 2026 10:00:{hop:02d} +0000\r\n"
        for hop in range(3)
    )
    signature = base64.b64encode(chance.randbytes(256)).decode()
    return (
        f"Return-Path: <buyer@supplier.example>\r\nDelivered-To: {recipient}\r\n{hops}"
        f"DKIM-Signature: v=1; a=rsa-sha256; d=supplier.example; s=s1;\r\n\tb={signature}\r\n"
        f'From: "Buyer {number}" <buyer@supplier.example>\r\nTo: {recipient}\r\n'
        f"Subject: Order {number}\r\nDate: 07 Jan 2026 10:00:00 +0000\r\n"
        f"Message-ID: {message_id}\r\nMIME-Version: 1.0\r\n"
    ).encode()


def _multipart(chance: random.Random, subtype: str, parts: list[bytes]) -> bytes:
    boundary = b"=_b%016x" % chance.getrandbits(64)
    inner = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
    head = b"Content-Type: multipart/" + subtype.encode() + b'; boundary="' + boundary + b'"\r\n\r\n'
    return head + inner + b"--" + boundary + b"--\r\n"


def _plain(chance: random.Random, size: int) -> bytes:
    return b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + _text(chance, size)


def _part(filename: str, content_type: str, content: bytes, disposition: str) -> bytes:
    cid = f"Content-ID: <{filename.partition('.')[0]}>\r\n" if disposition == "inline" else ""
    head = (
        f'Content-Type: {content_type}; name="{filename}"\r\nContent-Transfer-Encoding: base64\r\n{cid}'
        f'Content-Disposition: {disposition}; filename="{filename}"\r\n\r\n'
    )
    letters = base64.b64encode(content)
    return head.encode() + b"\r\n".join(letters[at : at + 76] for at in range(0, len(letters), 76))


def _pdf(draft: _Draft, size: int) -> bytes:
    return b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n" + draft.chance.randbytes(size) + b"\n%%EOF\n"


def _xlsx(chance: random.Random, size: int) -> bytes:
    """Return a zip with the names of a workbook; stored, so that the same bytes come out everywhere."""
    content = {
        "[Content_Types].xml": b"<Types/>",
        "xl/workbook.xml": b"<workbook/>",
        "xl/worksheets/sheet1.xml": chance.randbytes(size),
    }
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_STORED) as book:
        for name, inner in content.items():
            book.writestr(zipfile.ZipInfo(name, _ZIP_EPOCH), inner)
    return written.getvalue()


def _csv(chance: random.Random, size: int) -> bytes:
    rows = (
        f"{chance.randrange(10**8):08d};{chance.randrange(500)};{chance.choice(WORDS)}"
        for _ in range(size // 20)
    )
    return "\r\n".join(["sku;quantity;text", *rows]).encode() + b"\r\n"


def _text(chance: random.Random, size: int) -> bytes:
    lines = (" ".join(chance.choices(WORDS, k=10)) for _ in range(size // 70))
    return "\r\n".join(lines).encode() + b"\r\n"
