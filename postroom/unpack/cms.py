"""S/MIME that carries what it signs (RFC 8551 3.5.2): the signed content comes out, nothing is verified."""

from __future__ import annotations

import re
from pathlib import Path

from asn1crypto import cms, core, pem

from postroom.unpack.shelf import Shelf

_SIGNED_SUFFIX = re.compile(r"\.(?:p7m|p7s|p7|cms)$", re.IGNORECASE)
_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")
_MIME_FIELD = re.compile(rb"^(?:content-[a-z-]+|mime-version)[ \t]*:", re.IGNORECASE | re.MULTILINE)
_HEADER_WITHIN = 16 * 1024


def open_signed(content: Path, shelf: Shelf, *, name: str) -> None:
    """Put the content that a CMS SignedData object carries on the shelf (RFC 5652 5.2).

    In a mail it is a MIME entity; a signed file, such as "invoice.xml.p7m", holds the file itself, which gets
    the name without the suffix.  A signature without its content stays as it is.  Raises Full, ShelfBroken,
    and ValueError or TypeError where the bytes are no such object.
    """
    raw = content.read_bytes()
    if pem.detect(raw):
        _, _, raw = pem.unarmor(raw)
    info = cms.ContentInfo.load(raw)
    if info["content_type"].native != "signed_data":
        shelf.miss("no signed content in it")
        return
    carried = info["content"]["encap_content_info"]["content"]
    if carried is None or isinstance(carried, core.Void):
        shelf.miss("no signed content in it")
        return
    signed = bytes(carried)
    if is_entity(signed):
        shelf.put([signed], is_entity=True)
    else:
        shelf.put([signed], filename=_SIGNED_SUFFIX.sub("", name))


def is_entity(content: bytes) -> bool:
    """Return whether it begins like a MIME entity: a header block with a MIME field in it (RFC 2045 3)."""
    head = content[:_HEADER_WITHIN]
    if not _FIELD.match(head):
        return False
    block = re.split(rb"\r?\n\r?\n", head, maxsplit=1)[0]
    return bool(_MIME_FIELD.search(block))
