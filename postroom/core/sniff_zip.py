"""What a zip file is: an office document, or just a zip."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from itertools import islice

from postroom.core.content import Content

LOCAL, END_OF_DIRECTORY = b"PK\x03\x04", b"PK\x05\x06"
_ENTRY = b"PK\x01\x02"
_ZIP = "application/zip"
_OFFICE = "application/vnd.openxmlformats-officedocument."
# Folder, plain type, type with macros (ISO/IEC 29500-2; the macro types are IANA's, in lower case)
_OOXML = (
    ("xl/", f"{_OFFICE}spreadsheetml.sheet", "application/vnd.ms-excel.sheet.macroenabled.12"),
    ("word/", f"{_OFFICE}wordprocessingml.document", "application/vnd.ms-word.document.macroenabled.12"),
    (
        "ppt/",
        f"{_OFFICE}presentationml.presentation",
        "application/vnd.ms-powerpoint.presentation.macroenabled.12",
    ),
)
_BINARY_SHEET = "application/vnd.ms-excel.sheet.binary.macroenabled.12"
_MEDIA_TYPE = re.compile(rb"application/[A-Za-z0-9.+-]+")
_MAX_ENTRIES = 1_000
_END = 22  # bytes of an end-of-directory record
_END_AND_COMMENT = 66_000


def zip_type(content: Content) -> str:
    """Return the type of a zip file by the names in its directory, at most 1,000 of them."""
    # OpenDocument puts its media type first, uncompressed (OpenDocument 1.3, part 2, 3.3).
    first = bytes(content[:150])
    if first[30:38] == b"mimetype" and first[38:50] == b"application/":
        length = min(int.from_bytes(first[18:22], "little"), 100)
        named = _MEDIA_TYPE.fullmatch(first[38 : 38 + length])
        return named.group().decode("ascii").lower() if named else _ZIP
    return _office(list(islice(_names(content), _MAX_ENTRIES)))


def _office(names: list[str]) -> str:
    if "[Content_Types].xml" not in names:
        return _ZIP
    for folder, plain, with_macros in _OOXML:
        inside = [name for name in names if name.startswith(folder)]
        if f"{folder}workbook.bin" in inside:
            return _BINARY_SHEET
        if f"{folder}vbaProject.bin" in inside:
            return with_macros
        if inside:
            return plain
    return _ZIP


def _names(content: Content) -> Iterator[str]:
    """Yield the names in the directory of a zip file (APPNOTE 4.3.12, 4.3.16)."""
    size = len(content)
    tail_start = max(0, size - _END_AND_COMMENT)
    tail = bytes(content[tail_start:])
    end = tail.rfind(END_OF_DIRECTORY)
    if end < 0 or len(tail) < end + _END:
        return
    (at,) = struct.unpack_from("<I", tail, end + 16)
    while len(entry := bytes(content[at : at + 46])) == 46 and entry[:4] == _ENTRY:  # noqa: PLR2004 - its fixed part
        name, extra, comment = struct.unpack_from("<HHH", entry, 28)
        yield bytes(content[at + 46 : at + 46 + name]).decode("utf-8", "replace")
        at += 46 + name + extra + comment
