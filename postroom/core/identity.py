"""Which message is this?  Two copies are one message when Message-ID and content agree."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from operator import itemgetter

from postroom.core.headers import Field, HeaderBlock

_ANGLED = re.compile(rb"<[^<>\s]+>")
_UNUSABLE = re.compile(rb"[\x00-\x20\x7f]")
_LIKE_A_CONFLICT = re.compile(rb"#(?:[0-9a-f]{12}|[0-9a-f]{64})\Z")
_BARE_CR = re.compile(rb"\r(?!\n)")
_LONGEST = 998  # RFC 5322 2.1.1: no line is longer
_SYNTHETIC = "sha256:"
_COVERED = frozenset({"from", "date", "message-id", "subject", "mime-version"})


def message_id(block: HeaderBlock) -> str | None:
    """Return the Message-ID as written, angle brackets included, or None where it is missing or unusable.

    Unusable: empty, longer than a line may be, with blanks or controls, or in the shape of an id of our own,
    synthetic or of a conflict (RFC 5322 3.6.4; ids without brackets are met and taken).
    """
    field = block.first("Message-ID")
    if field is None:
        return None
    written = field.unfolded
    angled = _ANGLED.search(written)
    value = angled.group() if angled else written
    if not value.strip(b"<>") or len(value) > _LONGEST or _UNUSABLE.search(value):
        return None
    if _LIKE_A_CONFLICT.search(value):  # else a sender could take the place of another mail's conflict row
        return None
    text = value.decode("utf-8", "replace") if _is_utf8(value) else value.decode("latin-1")
    return None if text.startswith(_SYNTHETIC) else text


def content_sha256(block: HeaderBlock, body: Iterable[bytes]) -> str:
    """Return the hex digest of what makes a mail this mail, whatever road it came by.

    `body` is what follows the header, cut anywhere; one piece at a time is held, so that a mail of any size
    takes no more room than its pieces.
    Covers From, Date, Message-ID, Subject, MIME-Version, the top-level Content-* fields, unfolded, and the
    body with line ends normalised and trailing blank lines cut.  So the copy from IMAP (CRLF) and that from a
    Maildir (LF), with other Received, ARC, DKIM and spam headers, have the same digest.
    """
    digest = hashlib.sha256()
    for key, field in sorted(_covered(block), key=itemgetter(0)):
        digest.update(b"%b:%b\n" % (key.encode(), field.unfolded))
    digest.update(b"\n")
    blank = 0
    for chunk in _normalised(body):
        lines = chunk.rstrip(b"\n")
        if lines:
            digest.update(b"\n" * blank + lines)
            blank = 0
        blank += len(chunk) - len(lines)
    return digest.hexdigest()


def synthetic_id(content: str) -> str:
    """Return the id of a mail without a usable Message-ID, from its content digest."""
    return _SYNTHETIC + content


def conflict_id(wanted: str, content: str) -> str:
    """Return the id of a mail whose Message-ID another content already has."""
    return f"{wanted}#{content[:12]}"


def _covered(block: HeaderBlock) -> list[tuple[str, Field]]:
    keyed = ((field.key, field) for field in block.fields)
    return [(key, field) for key, field in keyed if key in _COVERED or key.startswith("content-")]


def _normalised(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the pieces with LF for CRLF and CR; a CR at the end of one waits for the LF of the next."""
    waiting = b""
    for piece in pieces:
        text = waiting + piece
        waiting = text[-1:] if text.endswith(b"\r") else b""
        yield _with_lf(text.removesuffix(waiting))
    if waiting:
        yield b"\n"


def _with_lf(text: bytes) -> bytes:
    """Return the text with LF for CRLF and CR.

    To take out a letter, or to put two for one, is several times as fast as to look for two: so what has CRLF
    throughout, as nearly all mails do, is known by the way back.
    """
    without = text.replace(b"\r", b"")
    if len(without) == len(text) or without.replace(b"\n", b"\r\n") == text or not _BARE_CR.search(text):
        return without
    return text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _is_utf8(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
