"""winmail.dat: the attachments of a TNEF stream, each decoded for itself."""

from __future__ import annotations

import logging
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from postroom.unpack.shelf import Shelf
from postroom.unpack.tnef_stream import SIGNATURE, Attachment, cut

# MS-OXCMSG 2.2.2: PidTagAttachFlags, LongFilename, MimeTag, ContentId
_FLAGS, _LONG_NAME, _MIME_TAG, _CONTENT_ID = 0x3714, 0x3707, 0x370E, 0x3712
_SHOWN_BY_HTML = 4
# What tnefparse was seen to raise over bytes that are not what it expects; it documents nothing.
_RAISED = (
    ArithmeticError, AssertionError, AttributeError, LookupError, NameError, RecursionError, struct.error,
    TypeError, ValueError,
)  # fmt: skip
_OLD_STRING = 0x001E  # PtypString8: in the code page of the stream


def open_tnef(content: Path, shelf: Shelf) -> None:
    """Put every attachment of a TNEF stream on the shelf; an embedded message is a TNEF stream of its own.

    One that is damaged costs nothing but itself.  Raises Full, ShelfBroken, ValueError where the bytes are no
    TNEF stream, and ImportError where tnefparse is not installed.
    """
    logging.getLogger("tnefparse").disabled = True  # it logs what strangers wrote
    stream = cut(content.read_bytes())
    for attachment in stream.attachments:
        if not attachment.sound:
            shelf.note("wrong checksum in winmail.dat")
        _take(attachment, stream.page, shelf)
    if stream.is_cut:
        shelf.miss("damaged winmail.dat")


def _take(attachment: Attachment, page: str, shelf: Shelf) -> None:
    found = _decoded(attachment)
    if found is None:
        shelf.note("damaged properties in winmail.dat")
    message = _embedded_message(found)
    if message is None and attachment.data is None:
        # An OLE object: tnefparse cuts the zeros off its end, so it would not be what was sent.
        shelf.miss("embedded object in winmail.dat" if found is not None else "damaged attachment")
        return
    properties = {each.name: each for each in found.mapi_attrs} if found is not None else {}
    title = attachment.title.decode(page, "replace") or (_plain(found.name) if found is not None else "")
    shelf.put(
        [attachment.data if message is None and attachment.data is not None else message or b""],
        filename=_text(properties, _LONG_NAME, page) or title,
        content_type="application/ms-tnef" if message else _text(properties, _MIME_TAG, page),
        content_id=_text(properties, _CONTENT_ID, page).strip("<> "),
        is_inline=_is_shown(properties),
    )


def _decoded(attachment: Attachment) -> Any:
    """Return what tnefparse makes of the properties of one attachment, None where it gives up."""
    from tnefparse import TNEF  # noqa: PLC0415  (an extra; who asks for it says that it is missing)

    try:
        return TNEF(attachment.alone, do_checksum=False).attachments[0]
    except _RAISED:
        return None


def _embedded_message(found: Any) -> bytes | None:
    """Return the TNEF stream of an attached message, up to its last attribute; None where there is none."""
    data = getattr(found, "data", b"")
    if not data.startswith(SIGNATURE):
        return None
    padded = bytes(data) + bytes(4)  # tnefparse cuts zeros off its end
    return padded[: cut(padded).end]


def _text(properties: Mapping[int, Any], name: int, page: str) -> str:
    if name not in properties:
        return ""
    value = _plain(properties[name].data)
    if properties[name].attr_type != _OLD_STRING:
        return value
    return value.encode("latin-1", "replace").decode(page, "replace")


def _is_shown(properties: Mapping[int, Any]) -> bool:
    flags = properties[_FLAGS].data if _FLAGS in properties else 0
    return isinstance(flags, int) and bool(flags & _SHOWN_BY_HTML)


def _plain(value: object) -> str:
    return value.replace("\x00", "") if isinstance(value, str) else ""
