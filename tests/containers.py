"""Containers with known truth: winmail.dat written here, signed mail by openssl."""

from __future__ import annotations

import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

_IID_MESSAGE = bytes.fromhex("0703020000000000c000000000000046")


@dataclass(frozen=True, slots=True)
class Packed:
    """One attachment of a winmail.dat; `message` is a TNEF stream that is attached as a message."""

    data: bytes = b""
    name: str = ""
    title: bytes = b""
    mime: str = ""
    content_id: str = ""
    flags: int = 0
    message: bytes = b""
    old_name: bytes = b""


def winmail(*packed: Packed, code_page: int = 1252) -> bytes:
    """Return a TNEF stream (MS-OXTNEF) with these attachments, behind what Outlook puts in front."""
    front = [
        attribute(1, 0x00089006, struct.pack("<I", 0x10000)),
        attribute(1, 0x00069007, struct.pack("<II", code_page, 0)),
        attribute(1, 0x00078008, b"IPM.Microsoft Mail.Note\x00"),
    ]
    return b"\x78\x9f\x3e\x22\x01\x00" + b"".join([*front, *map(_attachment, packed)])


def attribute(level: int, name: int, value: bytes) -> bytes:
    """Return one attribute with its checksum."""
    return struct.pack("<BII", level, name, len(value)) + value + struct.pack("<H", sum(value) & 0xFFFF)


def endless() -> bytes:
    """Return a TNEF stream with a property of four billion values, which tnefparse counts one by one."""
    return winmail() + attribute(2, 0x00069005, struct.pack("<IHHI", 1, 0x1003, 0x1234, 0xFFFFFFFF))


def _attachment(packed: Packed) -> bytes:
    properties = [
        *_string(0x3707, packed.name),
        *_string(0x370E, packed.mime),
        *_string(0x3712, packed.content_id),
        *([struct.pack("<HHII", 0x1E, 0x3707, 1, len(packed.old_name)) + _padded(packed.old_name)]
          if packed.old_name else []),
        *([struct.pack("<HHI", 0x03, 0x3714, packed.flags)] if packed.flags else []),
        *([_object(_IID_MESSAGE + packed.message)] if packed.message else []),
    ]  # fmt: skip
    listed = struct.pack("<I", len(properties)) + b"".join(properties)
    return b"".join(
        [
            attribute(2, 0x00069002, bytes(14)),
            attribute(2, 0x00018010, packed.title + b"\x00") if packed.title else b"",
            b"" if packed.message else attribute(2, 0x0006800F, packed.data),
            attribute(2, 0x00069005, listed),
        ]
    )


def _string(name: int, text: str) -> list[bytes]:
    written = text.encode("utf-16-le") + b"\x00\x00"
    return [struct.pack("<HHII", 0x1F, name, 1, len(written)) + _padded(written)] if text else []


def _object(value: bytes) -> bytes:
    return struct.pack("<HHII", 0x0D, 0x3701, 1, len(value)) + _padded(value)


def _padded(value: bytes) -> bytes:
    return value + bytes(-len(value) % 4)


def signed(folder: Path, content: bytes, *options: str) -> bytes:
    """Return what `openssl cms -sign` makes of `content`: DER, the content within, whatever it is."""
    key, certificate = folder / "signer.key", folder / "signer.pem"
    if not certificate.exists():
        _openssl(
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
            "-keyout", str(key), "-out", str(certificate), "-days", "2", "-subj", "/CN=signer",
        )  # fmt: skip
    words = ("cms", "-sign", "-binary", "-signer", str(certificate), "-inkey", str(key), "-outform", "DER")
    return _openssl(*words, *(options or ("-nodetach",)), stdin=content)


def enveloped(folder: Path, content: bytes) -> bytes:
    """Return what `openssl cms -encrypt` makes of `content`, in DER."""
    signed(folder, b"")  # for the certificate
    words = ("cms", "-encrypt", "-binary", "-aes-256-cbc", "-outform", "DER", str(folder / "signer.pem"))
    return _openssl(*words, stdin=content)


def _openssl(*words: str, stdin: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *words], input=stdin, check=True, capture_output=True).stdout
