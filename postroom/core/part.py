"""One part of a message: where it lies in the raw bytes and what its header says of it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from postroom.core.headers import Field, HeaderBlock
from postroom.core.limits import Limits
from postroom.core.params import FieldValue, read_parameters
from postroom.core.words import clean, decode_words

_TYPE = re.compile(r"[!#$&^_.+a-z0-9*%'`|~{}-]+/[!#$&^_.+a-z0-9*%'`|~{}-]+")
_LONGEST_TYPE = 255  # characters; RFC 6838 4.2 allows 127 on each side of the slash
_BARE = {"text": "text/plain", "multipart": "multipart/mixed", "message": "message/rfc822"}
_ENCODING = re.compile(rb"(?>(?:[ \t\"]|\((?>(?:[^()]++|\([^()]*+\))*)\))*)([A-Za-z0-9-]*+)")
_ENCODING_FIELD = "content-transfer-encoding"
CONTRADICTED = "7bit, base64"
"""The transfer encoding of a part that names none first and base64 in another field: its body decides."""

_UNCHANGED = frozenset({"", "7bit", "8bit", "binary"})
_MESSAGES = frozenset({"message/rfc822", "message/global", "message/news"})  # RFC 2046 5.2.1, RFC 6532 3.7


@dataclass(frozen=True, slots=True)
class Part:
    """One part: offsets in bytes from the start of the raw message, and what is declared of it.

    `path` numbers parts as IMAP does (RFC 9051 6.4.5): "1", "2", "2.1".  The multipart that a message
    itself is has the path "0", that of an attached message at "2" is "2.0"; all others are plain numbers.
    `start` is where its header begins; the content is raw[body_start:body_end], still encoded, without the
    line break before the boundary.  `filename` is decoded but not made safe, "" where there is none;
    `content_id` is without angle brackets.  A container has its parts behind it in the list; where the
    encoding of an attached message hides its parts it is no container and `is_encoded_message`.  `depth`
    is the number of containers around it.
    """

    path: str
    start: int
    body_start: int
    body_end: int
    content_type: str = "text/plain"
    charset: str = ""
    filename: str = ""
    disposition: str = ""
    content_id: str = ""
    transfer_encoding: str = "7bit"
    is_container: bool = False
    depth: int = 0
    defects: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Return the length of the encoded content in bytes."""
        return self.body_end - self.body_start

    @property
    def is_message(self) -> bool:
        """Return whether this is a whole attached message."""
        return self.content_type in _MESSAGES

    @property
    def is_encoded_message(self) -> bool:
        """Return whether this is an attached message whose parts its transfer encoding hides."""
        return self.is_message and not self.is_container


@dataclass(frozen=True, slots=True)
class Declared:
    """What the Content-* fields of one header block say, and the boundary if it is a multipart."""

    content_type: str
    charset: str
    filename: str
    disposition: str
    content_id: str
    transfer_encoding: str
    boundary: bytes
    defects: tuple[str, ...]
    limits: tuple[str, ...]

    @property
    def is_multipart(self) -> bool:
        """Return whether the body is made of parts."""
        return self.content_type.startswith("multipart/")

    @property
    def is_open_message(self) -> bool:
        """Return whether the body is a message that can be read in place."""
        return self.content_type in _MESSAGES and self.transfer_encoding in _UNCHANGED


def declared(block: HeaderBlock, default_type: str, limits: Limits) -> Declared:
    """Return what `block` says; `default_type` where it has no Content-Type."""
    written = [field for field in block.fields if field.name[:8].lower() == "content-"]
    fields = {field.key: field for field in reversed(written)}
    contradicted = len(fields) < len(written) and _is_contradicted(written)
    kind = _read(fields.get("content-type"), limits)
    disposition = _read(fields.get("content-disposition"), limits)
    content_type, wrong = _content_type(kind.value, default_type)
    twice = ["contradicting transfer encodings"] if contradicted else []
    defects = [*block.defects, *wrong, *kind.defects, *disposition.defects, *twice]
    content_id = fields.get("content-id")
    boundary = kind.parameters.get("boundary")
    return Declared(
        content_type=content_type,
        charset=kind.text("charset").strip().lower(),
        filename=disposition.text("filename") or kind.text("name") or disposition.text("name"),
        disposition=clean(disposition.value)[:_LONGEST_TYPE],
        content_id=clean(decode_words(content_id.body)).strip("<> ") if content_id else "",
        transfer_encoding=CONTRADICTED if contradicted else _transfer_encoding(fields.get(_ENCODING_FIELD)),
        boundary=boundary.raw.strip() if boundary else b"",
        defects=tuple(dict.fromkeys(defects)),
        limits=tuple(dict.fromkeys([*block.limits, *kind.limits, *disposition.limits])),
    )


def _read(field: Field | None, limits: Limits) -> FieldValue:
    return read_parameters(field.body, limits) if field else FieldValue("")


def _content_type(value: str, default: str) -> tuple[str, list[str]]:
    if not value:
        return default, []
    if _TYPE.fullmatch(value) and len(value) <= _LONGEST_TYPE:
        return value, []
    # RFC 2045 5.2 would call it text/plain; but a document whose type is damaged must not pass for a body.
    squeezed = re.sub(r"\s+", "", value)
    usable = _TYPE.fullmatch(squeezed) and len(squeezed) <= _LONGEST_TYPE
    found = squeezed if usable else _BARE.get(squeezed, "application/octet-stream")
    return found, ["damaged content type"]


def _is_contradicted(fields: list[Field]) -> bool:
    first, *others = [_transfer_encoding(field) for field in fields if field.key == _ENCODING_FIELD] or [""]
    return first in _UNCHANGED and "base64" in others


def _transfer_encoding(field: Field | None) -> str:
    """Return the first word, lower case: "base64 ", "base64;" and "Base64 (x)" are all base64."""
    found = _ENCODING.match(field.unfolded) if field else None
    return found.group(1).decode("ascii").lower() or "7bit" if found else "7bit"
