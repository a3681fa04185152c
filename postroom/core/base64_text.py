"""Content out of base64, as broken as senders make it, block by block."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Iterator
from itertools import chain

import pybase64

from postroom.core.raw import BLOCK, Defects, whole_lines

# A sender decides how many runs there are; each costs a call, so their number stays in step with the length.
_FEW = 10_000  # so many runs may be as short as they like
_SHORTEST = 32  # bytes of text for each run that comes on top of them

_WIDTH = 76  # letters of a line (RFC 2045 6.8)
_BLANKS = b" \t\r\n\f\v"
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_BASE64 = _LETTERS + b"="
_NO_LETTER = bytes(code for code in range(256) if code not in _LETTERS)
_PADDING = (b"", b"", b"==", b"=")  # by the letters over
_LETTER = re.compile(rb"[A-Za-z0-9+/]")
_REST = re.compile(rb"[A-Za-z0-9+/]{0,3}|[A-Za-z0-9+/]{2}=")
_LINE = re.compile(rb"(?:\A|[\r\n])[ \t\f\v]*+([A-Za-z0-9+/=]++)[ \t\f\v]*+(?=[\r\n]|\Z)")
_LINES = re.compile(rb"(?>(?:[A-Za-z0-9+/]{40,1000}+[ \t]*+\r?\n)+)[A-Za-z0-9+/]*+={0,2}+\s*+\Z")


def looks_like_base64(head: bytes) -> bool:
    """Return whether the first block of a content is lines of base64 and nothing else, more than one."""
    return _LINES.match(head.lstrip()) is not None


def base64_decoded(blocks: Iterable[bytes], defects: Defects) -> Iterator[bytes]:
    """Yield the content of base64 that is cut into `blocks` anywhere (RFC 2045 6.8).

    Sound text takes the short way; at the first thing wrong the rest is read with care.
    """
    coming, carry = iter(blocks), b""
    for block in coming:
        if not carry:
            top, regular = _regular_lines(block)
            if top:
                yield top
                if regular == len(block):
                    continue
                block = block[regular:]  # noqa: PLW2901  (the rest of it)
        text = carry + block
        content, rest = _short_way(text)
        if content is None or len(carry) > BLOCK:
            yield from _damaged(chain((text,), coming), defects)
            return
        yield content
        padding = text.find(b"=")
        if padding >= 0 and not rest:
            yield from _behind_padding(chain((text[padding:],), coming), defects)
            return
        carry = rest if padding < 0 else rest[:-1] + text[padding:]  # blanks behind it tell lines apart
    if carry:
        yield from _damaged((carry,), defects)


def _short_way(text: bytes) -> tuple[bytes | None, bytes]:
    """Return the content of sound text, None of other, and the letters that wait for those to come."""
    letters = text.translate(None, _BLANKS)
    whole = len(letters) & ~3
    rest = letters[whole:]
    if not _REST.fullmatch(rest) or (rest and letters.endswith(b"=", 0, whole)):
        return None, rest
    return _sound(letters[:whole]), rest


def _regular_lines(block: bytes) -> tuple[bytes, int]:
    """Return the content of the lines of 76 letters on top of `block`, and their length; most base64 is such.

    Where the line ends are where they belong and no more than them was dropped, nothing else was there.
    """
    for end in (b"\r\n", b"\n"):
        width = _WIDTH + len(end)
        if block[width - len(end) : width] != end:
            continue
        lines = len(block) // width
        text = block[: lines * width]
        ends = (text[at::width] == text[at : at + 1] * lines for at in range(_WIDTH, width))
        content = _decoded(text) if all(ends) else b""
        if len(content) == lines * _WIDTH // 4 * 3:
            return content, len(text)
    return b"", 0


def _decoded(text: bytes) -> bytes:
    """Return the content of base64 with anything in between, or nothing if its letters come out uneven."""
    try:
        return pybase64.b64decode(text)
    except binascii.Error:
        return b""


def _sound(letters: bytes) -> bytes | None:
    try:
        return pybase64.b64decode(letters, validate=True)
    except binascii.Error:
        return None


def _damaged(blocks: Iterable[bytes], defects: Defects) -> Iterator[bytes]:
    """Take the letters out of what stands between them, up to the first padding."""
    coming, carry = iter(blocks), b""
    for block in coming:
        _note_junk(block, defects)
        end = block.find(b"=")
        letters = carry + (block if end < 0 else block[:end]).translate(None, _NO_LETTER)
        if end >= 0:
            yield _run(letters, defects)
            carry = b""
            yield from _behind_padding(chain((block[end:],), coming), defects)
            break
        whole = len(letters) & ~3
        yield pybase64.b64decode(letters[:whole])
        carry = letters[whole:]
    yield _run(carry, defects)
    if not defects:
        defects["base64 padding wrong"] = None


def _behind_padding(blocks: Iterable[bytes], defects: Defects) -> Iterator[bytes]:
    """Decode run by run: each "=" ends one, for senders join files that were encoded one by one.

    Only lines of nothing but base64 count here: a mailing list puts its footer behind the padding, and the
    letters of a sentence would pass for base64.
    """
    carry, runs, consumed = b"", 0, 0
    for lines in whole_lines(blocks):
        consumed += len(lines)
        _note_junk(lines, defects)
        if not _LETTER.search(lines):
            continue
        defects["base64 goes on behind its padding"] = None
        letters = carry + b"".join(_LINE.findall(lines))
        if runs > _FEW + consumed // _SHORTEST:
            defects["too many runs of base64"] = None
            letters = letters.translate(None, b"=")
        *ended, rest = letters.split(b"=")
        for run in filter(None, ended):
            runs += 1
            yield _run(run, defects)
        whole = len(rest) & ~3
        yield pybase64.b64decode(rest[:whole])
        carry = rest[whole:]
    yield _run(carry, defects)


def _note_junk(text: bytes, defects: Defects) -> None:
    if text.translate(None, _BASE64 + _BLANKS):
        defects["other characters in base64"] = None


def _run(letters: bytes, defects: Defects) -> bytes:
    over = len(letters) % 4
    if over == 1:  # six bits are no byte
        defects["base64 cut short"] = None
        return pybase64.b64decode(letters[:-1])
    return pybase64.b64decode(letters + _PADDING[over])
