"""The content of a part out of its transfer encoding, and a status that says how well that went."""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import pybase64

from postroom.core.headers import Raw
from postroom.core.part import Part

Status = Literal["ok", "repaired", "failed"]

_BLANKS = b" \t\r\n\f\v"
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")
_BASE64_LINE = re.compile(rb"[A-Za-z0-9+/]+=*[A-Za-z0-9+/=]*")
# Blanks at the end of a line were added on the way (RFC 2045 6.7 (3)).
_TRAILING_BLANKS = re.compile(rb"(?<![ \t])[ \t]++(?=\r?\n|\Z)")
_BAD_ESCAPE = re.compile(rb"=(?![0-9A-Fa-f]{2}|\r?\n|\Z)")
_ESCAPE = re.compile(rb"=(?:([0-9A-Fa-f]{2})|\r\n|\r|\n|\Z)")
_UU_BEGIN = re.compile(rb"(?:\A|(?<=\n))begin(?:-base64)?[ \t]+[0-7]{3,4}[^\n]*\n")


@dataclass(frozen=True, slots=True)
class Decoded:
    """Decoded content.  "repaired": damaged, and what could be decoded is here; "failed": nothing could."""

    content: bytes
    status: Status = "ok"
    defects: tuple[str, ...] = ()


def decode(raw: Raw, part: Part) -> Decoded:
    """Return the content of `part`, a part of `raw`.

    Line ends and charset stay as they are.  An encoding nobody knows is taken as none and said.  Never
    raises; linear.
    """
    body = bytes(raw[part.body_start : part.body_end])
    known = _DECODERS.get(part.transfer_encoding)
    if known is None:
        return Decoded(body, "repaired", ("unknown transfer encoding",))
    return known(body)


def _as_is(body: bytes) -> Decoded:
    return Decoded(body)


def _base64(body: bytes) -> Decoded:
    letters = body.translate(None, _BLANKS)
    try:
        return Decoded(pybase64.b64decode(letters, validate=True))
    except binascii.Error:
        return _damaged_base64(body)


def _damaged_base64(body: bytes) -> Decoded:
    """Decode run by run: each "=" ends one, for senders join files that were encoded one by one."""
    defects: dict[str, None] = {}
    runs = [run for run in body.translate(None, _BLANKS).split(b"=") if run]
    if len(runs) > 1:  # behind the padding only whole lines count: a mailing list's footer is no base64
        runs = _runs_by_line(body)
        defects["base64 goes on behind its padding"] = None
    if not runs:
        return (
            Decoded(b"") if not body.strip(_BLANKS + b"=") else Decoded(b"", "failed", ("no base64 in it",))
        )
    content = b"".join(_run(run, defects) for run in runs)
    return Decoded(
        content, "repaired" if content else "failed", tuple(defects) or ("base64 padding missing",)
    )


def _runs_by_line(body: bytes) -> list[bytes]:
    padding = body.index(b"=")
    kept = [body[:padding], b"="]
    kept += [line for line in (line.strip() for line in body[padding:].split(b"\n")) if _is_base64(line)]
    return [run for run in b"".join(kept).split(b"=") if run]


def _is_base64(line: bytes) -> bool:
    return _BASE64_LINE.fullmatch(line.strip(b"=") or b"A") is not None


def _run(run: bytes, defects: dict[str, None]) -> bytes:
    letters = _NOT_BASE64.sub(b"", run)
    if letters != run:
        defects["other characters in base64"] = None
    if len(letters) % 4 == 1:  # six bits are no byte
        defects["base64 cut short"] = None
        letters = letters[:-1]
    return pybase64.b64decode(letters + b"=" * (-len(letters) % 4))


def _quoted_printable(body: bytes) -> Decoded:
    lines = _TRAILING_BLANKS.sub(b"", body) if b" \n" in body or b" \r\n" in body or b"\t" in body else body
    if _BAD_ESCAPE.search(lines) is None:
        return Decoded(binascii.a2b_qp(lines))
    return Decoded(_ESCAPE.sub(_escaped, lines), "repaired", ("damaged quoted-printable",))


def _escaped(escape: re.Match[bytes]) -> bytes:
    digits = escape.group(1)
    return bytes((int(digits, 16),)) if digits else b""


def _uuencode(body: bytes) -> Decoded:
    begin = _UU_BEGIN.search(body)
    if begin is None:
        return Decoded(b"", "failed", ("no uuencoded file in it",))
    content: list[bytes] = []
    defects: dict[str, None] = {}
    for line in body[begin.end() :].split(b"\n"):
        if line.strip() == b"end":
            return Decoded(b"".join(content), "repaired" if defects else "ok", tuple(defects))
        content.append(_uu_line(line.rstrip(b"\r"), defects))
    defects["uuencode cut short"] = None
    return Decoded(b"".join(content), "repaired", tuple(defects))


def _uu_line(line: bytes, defects: dict[str, None]) -> bytes:
    if not line:
        return b""
    try:
        return binascii.a2b_uu(line)
    except binascii.Error:
        defects["damaged uuencode"] = None
    length = (((line[0] - 32) & 63) * 4 + 5) // 3  # some encoders write more than the length says
    try:
        return binascii.a2b_uu(line[:length])
    except binascii.Error:
        return b""


_DECODERS: dict[str, Callable[[bytes], Decoded]] = {
    "": _as_is,
    "7bit": _as_is,
    "8bit": _as_is,
    "binary": _as_is,
    "7-bit": _as_is,
    "8-bit": _as_is,
    "base64": _base64,
    "base-64": _base64,
    "quoted-printable": _quoted_printable,
    "uuencode": _uuencode,
    "x-uuencode": _uuencode,
    "x-uue": _uuencode,
    "uue": _uuencode,
}
