"""The content of a part out of its transfer encoding: streamed, hashed, and how well that went."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from postroom.core.base64_text import base64_decoded, looks_like_base64
from postroom.core.part import CONTRADICTED, Part
from postroom.core.quoted_printable import quoted_printable_decoded
from postroom.core.raw import BLOCK, Defects, Raw, blocks
from postroom.core.sniff import sniff
from postroom.core.uuencode import uuencode_decoded
from postroom.core.yenc import yenc_decoded

Status = Literal["ok", "repaired", "failed"]

UNKNOWN = "unknown transfer encoding"
PIECE = "piece of a larger mail"
_NOTHING_SAID = frozenset({"application/octet-stream", "text/plain"})  # what nobody can take for a document


@dataclass(frozen=True, slots=True)
class Decoded:
    """Decoded content, which went to its sink.

    "repaired": damaged, and what could be decoded is there.  "failed": nothing could be decoded, or what is
    there may be encoded still, or is a piece of something larger.
    """

    size: int
    sha256: str
    status: Status = "ok"
    defects: tuple[str, ...] = ()


def _dropped(_block: bytes) -> None:
    """Let a block go, for who only wants the digest."""


def decode(raw: Raw, part: Part, write: Callable[[bytes], object] = _dropped) -> Decoded:
    """Give the content of `part`, a part of `raw`, to `write` block by block, and return what it was.

    Line ends and charset stay as they are; a container is taken as it stands, encoded.  Raises only what
    `write` raises; time is linear in the length, and what is held at one time does not grow with it.
    """
    defects: Defects = {}
    digest, size = hashlib.sha256(), 0
    at_once = 2 * BLOCK if part.transfer_encoding == "base64" else BLOCK  # which takes the least memory
    for block in _content(part, blocks(raw, part.body_start, part.body_end, at_once), defects):
        digest.update(block)
        size += len(block)
        write(block)
    return Decoded(size, digest.hexdigest(), _status(size, defects), tuple(defects))


def _status(size: int, defects: Defects) -> Status:
    if not defects:
        return "ok"
    return "failed" if not size or STILL_ENCODED in defects or PIECE in defects else "repaired"


def _content(part: Part, body: Iterable[bytes], defects: Defects) -> Iterator[bytes]:
    if part.is_container:
        return iter(body)
    if part.content_type == "message/partial":  # RFC 2046 5.2.2: only all pieces together are a mail
        defects[PIECE] = None
    known = _DECODERS.get(part.transfer_encoding)
    if known is not None:
        return known(body, defects)
    if part.transfer_encoding not in _AS_IT_IS:
        return _unknown(body, defects)
    return iter(body) if _is_text(part) else _undeclared(body, defects)


def _is_text(part: Part) -> bool:
    return part.content_type.startswith(("text/", "message/", "multipart/"))


def _undeclared(body: Iterable[bytes], defects: Defects) -> Iterator[bytes]:
    """Yield a document as it is; where it is base64 that is not declared, and of a known kind, decode it."""
    coming = iter(body)
    head = next(coming, b"")
    whole = chain((head,), coming)
    if not looks_like_base64(head):
        yield from whole
        return
    first = b"".join(base64_decoded((head[:8192],), {}))
    if sniff(first) in _NOTHING_SAID:
        yield from whole
        return
    defects["base64 that is not declared"] = None
    yield from base64_decoded(whole, defects)


def _as_it_looks(body: Iterable[bytes], defects: Defects) -> Iterator[bytes]:
    """Yield a body as it is; where it is lines of base64 and nothing else, decode it."""
    coming = iter(body)
    head = next(coming, b"")
    whole = chain((head,), coming)
    yield from base64_decoded(whole, defects) if looks_like_base64(head) else whole


def _unknown(body: Iterable[bytes], defects: Defects) -> Iterator[bytes]:
    """Yield a body as it is; where it is lines of base64 and nothing else, decode it."""
    defects[UNKNOWN] = None
    coming = iter(body)
    head = next(coming, b"")
    whole = chain((head,), coming)
    if looks_like_base64(head):
        defects["base64 that is not declared"] = None
        yield from base64_decoded(whole, defects)
        return
    is_ascii = True
    for block in whole:
        is_ascii = is_ascii and block.isascii()
        yield block
    if is_ascii:  # 8-bit bytes are proof that nothing is encoded; without them nobody knows
        defects[STILL_ENCODED] = None


STILL_ENCODED = "may be encoded still"
_AS_IT_IS = frozenset({"", "7bit", "7bits", "7-bit", "8bit", "8bits", "8-bit", "binary"})
_DECODERS: dict[str, Callable[[Iterable[bytes], Defects], Iterator[bytes]]] = {
    "base64": base64_decoded,
    "base-64": base64_decoded,
    CONTRADICTED: _as_it_looks,
    "quoted-printable": quoted_printable_decoded,
    "quotedprintable": quoted_printable_decoded,
    "quoted": quoted_printable_decoded,
    "uuencode": uuencode_decoded,
    "x-uuencode": uuencode_decoded,
    "x-uue": uuencode_decoded,
    "uue": uuencode_decoded,
    "x-yencode": yenc_decoded,
    "x-yenc": yenc_decoded,
    "yenc": yenc_decoded,
}
