"""Mails for benches, the same ones every time: documents as an intake of orders gets them."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator

WORDS = ("order", "invoice", "delivery", "quantity", "please", "confirm", "attached", "price", "total")


def mixed(count: int, seed: int = 1) -> Iterator[bytes]:
    """Yield mails: 60 % a PDF, 15 % a sheet or CSV, 10 % text only, 10 % HTML with images, 5 % 2 to 10 MB."""
    chance = random.Random(seed)
    for number in range(count):
        yield _mail(chance, number, chance.choices("psthl", [60, 15, 10, 10, 5])[0])


def single(megabytes: int) -> bytes:
    """Return one mail of about that size, with one document."""
    chance = random.Random(megabytes)
    return _with(chance, 0, [_document("scan.pdf", "application/pdf", chance.randbytes(megabytes * 730_000))])


def _mail(chance: random.Random, number: int, kind: str) -> bytes:
    if kind == "p":
        size = min(300_000, max(20_000, int(chance.lognormvariate(11.3, 0.7))))
        return _with(chance, number, [_document(f"po-{number}.pdf", "application/pdf", _pdf(chance, size))])
    if kind == "s":
        sheet = chance.randbytes(min(200_000, max(5_000, int(chance.lognormvariate(10.3, 0.8)))))
        return _with(chance, number, [_document(f"order-{number}.xlsx", "application/vnd.ms-excel", sheet)])
    if kind == "l":
        size = chance.randrange(2_000_000, 10_000_000)
        return _with(chance, number, [_document(f"scan-{number}.pdf", "application/pdf", _pdf(chance, size))])
    if kind == "h":
        image = chance.randbytes(chance.randrange(2_000, 20_000))
        html = b"Content-Type: text/html\r\n\r\n<p>" + _text(chance, 2_000) + b'<img src="cid:logo">'
        return _with(chance, number, [html, _document("logo.png", "image/png", image, inline=True)])
    return _header(chance, number) + b"Content-Type: text/plain\r\n\r\n" + _text(chance, 1_000)


def _with(chance: random.Random, number: int, parts: list[bytes]) -> bytes:
    boundary = b"=_b%016x" % chance.getrandbits(64)
    text = b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + _text(chance, 800)
    inner = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in [text, *parts])
    field = b'Content-Type: multipart/mixed; boundary="' + boundary + b'"\r\n\r\n'
    return _header(chance, number) + field + inner + b"--" + boundary + b"--\r\n"


def _header(chance: random.Random, number: int) -> bytes:
    hops = "".join(
        f"Received: from mx{hop}.supplier.example (mx{hop}.supplier.example [192.0.2.{hop + 1}])\r\n"
        f"\tby relay{hop}.intake.example (Postfix) with ESMTPS id {chance.getrandbits(48):012X}\r\n"
        f"\tfor <orders+acme@intake.example>; 7 Jan 2026 10:00:{hop:02d} +0000\r\n"
        for hop in range(3)
    )
    signature = base64.b64encode(chance.randbytes(256)).decode()
    return (
        f"Return-Path: <buyer@supplier.example>\r\nDelivered-To: orders+acme@intake.example\r\n{hops}"
        f"DKIM-Signature: v=1; a=rsa-sha256; d=supplier.example; s=s1;\r\n\tb={signature}\r\n"
        f'From: "Buyer {number}" <buyer@supplier.example>\r\nTo: orders+acme@intake.example\r\n'
        f"Subject: Order {number}\r\nDate: 07 Jan 2026 10:00:00 +0000\r\n"
        f"Message-ID: <{chance.getrandbits(80):020x}@supplier.example>\r\nMIME-Version: 1.0\r\n"
    ).encode()


def _document(name: str, kind: str, content: bytes, *, inline: bool = False) -> bytes:
    disposition = "inline" if inline else "attachment"
    cid = "Content-ID: <logo>\r\n" if inline else ""
    header = (
        f'Content-Type: {kind}; name="{name}"\r\nContent-Transfer-Encoding: base64\r\n{cid}'
        f'Content-Disposition: {disposition}; filename="{name}"\r\n\r\n'
    )
    letters = base64.b64encode(content)
    return header.encode() + b"\r\n".join(letters[at : at + 76] for at in range(0, len(letters), 76))


def _pdf(chance: random.Random, size: int) -> bytes:
    return b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n" + chance.randbytes(size) + b"\n%%EOF\n"


def _text(chance: random.Random, size: int) -> bytes:
    lines = (" ".join(chance.choices(WORDS, k=10)) for _ in range(size // 70))
    return "\r\n".join(lines).encode() + b"\r\n"
