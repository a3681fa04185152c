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
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
_NOT_BASE64 = bytes(code for code in range(256) if code not in _BASE64)
_PADDING = (b"", b"", b"==", b"=")  # by the letters over
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
    letters = body.translate(None, _NOT_BASE64)
    if letters != body.translate(None, _BLANKS):
        defects["other characters in base64"] = None
    if letters.rstrip(b"=").find(b"=") >= 0:
        letters = _without_footer(body)
        defects["base64 goes on behind its padding"] = None
    runs = [run for run in letters.split(b"=") if run]
    if any(len(run) % 4 == 1 for run in runs):  # six bits are no byte
        defects["base64 cut short"] = None
    if not defects:
        defects["base64 padding wrong"] = None
    content = b"".join([_run(run) for run in runs])
    return Decoded(content, "repaired" if content else "failed", tuple(defects))


def _run(run: bytes) -> bytes:
    over = len(run) % 4
    return pybase64.b64decode(run[:-1] if over == 1 else run + _PADDING[over])


def _without_footer(body: bytes) -> bytes:
    """Return the base64 of `body`; behind its padding only lines of nothing else count.

    A mailing list puts its footer there, and the letters of a sentence would pass for base64.
    """
    padding = body.index(b"=")
    lines = [line.strip() for line in body[padding:].splitlines()]
    whole = [line for line in lines if not line.translate(None, _BASE64)]
    return body[:padding].translate(None, _NOT_BASE64) + b"=" + b"".join(whole)


def _quoted_printable(body: bytes) -> Decoded:
    blanks = b" \n" in body or b" \r\n" in body or b"\t" in body or body.endswith(b" ")
    lines = _TRAILING_BLANKS.sub(b"", body) if blanks else body
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
    return Decoded(b"".join(content), "repaired" if any(content) else "failed", tuple(defects))


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
