"""What content is by its own bytes, whatever its sender called it."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from itertools import islice

_UNKNOWN = "application/octet-stream"
_OFFICE = "application/vnd.openxmlformats-officedocument."
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"x\x9f>\x22", "application/ms-tnef"),
    (b"{\\rtf", "application/rtf"),
    (b"%!PS", "application/postscript"),
)
_OOXML = (
    ("xl/", _OFFICE + "spreadsheetml.sheet"),
    ("word/", _OFFICE + "wordprocessingml.document"),
    ("ppt/", _OFFICE + "presentationml.presentation"),
)
# MS-CFB 2.6.1: the names of the streams, in UTF-16.
_OLE = (
    ("WordDocument", "application/msword"),
    ("Workbook", "application/vnd.ms-excel"),
    ("PowerPoint Document", "application/vnd.ms-powerpoint"),
    ("__substg1.0_", "application/vnd.ms-outlook"),
)
_TEXTS = (
    (re.compile(rb"<\?xml\b", re.IGNORECASE), "application/xml"),
    (re.compile(rb"<(?:!doctype[ \t]+html|html\b)", re.IGNORECASE), "text/html"),
    (re.compile(rb"UNA.{6}\s*UN[BG]|UN[BG][+\x1d]", re.DOTALL), "application/edifact"),  # ISO 9735 7.1, 8
    (re.compile(rb"ISA(.)..\1.{10}\1", re.DOTALL), "application/edi-x12"),
    (re.compile(rb"BEGIN:VCALENDAR\b", re.IGNORECASE), "text/calendar"),
    (re.compile(rb"BEGIN:VCARD\b", re.IGNORECASE), "text/vcard"),
)
_HEAD = 64 * 1024  # bytes of a text that are looked at
_BOMS = ((b"\xef\xbb\xbf", ""), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_NO_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_QUOTED = re.compile(rb'"[^"]*+"')
_MEDIA_TYPE = re.compile(rb"application/[A-Za-z0-9.+-]+")
_MAX_ENTRIES = 1_000  # of a zip directory
_END_OF_DIRECTORY, _ENTRY, _LOCAL = b"PK\x05\x06", b"PK\x01\x02", b"PK\x03\x04"
_MANY_ROWS = 4


def sniff(content: bytes) -> str:
    """Return a media type in lower case, application/octet-stream for what is not known.

    Looks at the first bytes, at the names in a zip directory or OLE file and at the regularity of a text;
    nothing is unpacked.  Never raises; linear.
    """
    for magic, found in _MAGIC:
        if content.startswith(magic):
            return found
    if content.startswith((_LOCAL, _END_OF_DIRECTORY)):
        return _zip(content)
    if content.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        named = (kind for name, kind in _OLE if name.encode("utf-16-le") in content)
        return next(named, "application/x-ole-storage")
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    # Behind the others: a zip may hold a PDF uncompressed.
    if b"%PDF-" in content[:1024]:  # ISO 32000-1 7.5.2, and what readers accept
        return "application/pdf"
    return _text(content[:_HEAD])


def _zip(content: bytes) -> str:
    # OpenDocument puts its media type first, uncompressed (OpenDocument 1.3, part 2, 3.3).
    if content[30:38] == b"mimetype" and content[38:50] == b"application/":
        length = min(int.from_bytes(content[18:22], "little"), 100)
        named = _MEDIA_TYPE.fullmatch(content[38 : 38 + length])
        return named.group().decode("ascii").lower() if named else "application/zip"
    names = list(islice(_zip_names(content), _MAX_ENTRIES))
    if "[Content_Types].xml" in names:
        for folder, kind in _OOXML:
            if any(name.startswith(folder) for name in names):
                return kind
    return "application/zip"


def _zip_names(content: bytes) -> Iterator[str]:
    """Yield the names in the directory of a zip file (APPNOTE 4.3.12, 4.3.16)."""
    end = content.rfind(_END_OF_DIRECTORY, max(0, len(content) - 66_000))
    if end < 0 or len(content) < end + 22:
        return
    (at,) = struct.unpack_from("<I", content, end + 16)
    while content[at : at + 4] == _ENTRY and len(content) >= at + 46:
        name, extra, comment = struct.unpack_from("<HHH", content, at + 28)
        yield content[at + 46 : at + 46 + name].decode("utf-8", "replace")
        at += 46 + name + extra + comment


def _text(head: bytes) -> str:
    for bom, charset in _BOMS:
        if head.startswith(bom):
            rest = head[len(bom) :]
            head = rest.decode(charset, "replace").encode("utf-8", "replace") if charset else rest
            break
    if not head or _NO_TEXT.search(head):
        return _UNKNOWN
    start = head.lstrip()
    for pattern, found in _TEXTS:
        if pattern.match(start):
            return found
    return "text/csv" if _is_table(head) else "text/plain"


def _is_table(head: bytes) -> bool:
    """Return whether the lines have one number of columns: three or more, or two in at least four rows."""
    lines = [line for line in _QUOTED.sub(b"", head).splitlines() if line.strip()]
    if len(head) == _HEAD:
        lines = lines[:-1]  # it may be cut
    for separator in (b";", b"\t", b",", b"|"):
        columns = {line.count(separator) + 1 for line in lines}
        if len(columns) == 1 and len(lines) > 1:
            (width,) = columns
            if width > 2 or (width == 2 and len(lines) >= _MANY_ROWS):  # noqa: PLR2004 - a pair of columns
                return True
    return False
