"""Which program wrote an OLE file: the names of its streams say it."""

from __future__ import annotations

import struct

from postroom.core.content import Content

# MS-CFB 2.6.1: the names of the streams, in UTF-16.
_STREAMS = (
    ("WordDocument", "application/msword"),
    ("Workbook", "application/vnd.ms-excel"),
    ("PowerPoint Document", "application/vnd.ms-powerpoint"),
    ("__substg1.0_", "application/vnd.ms-outlook"),
    ("VisioDocument", "application/vnd.visio"),
)
_DIRECTORY = 16 * 1024  # bytes of it that are looked at: 128 names
_TAIL = 64 * 1024
_HEADER = 512
_SHIFTS = (9, 12)  # MS-CFB 2.2: sectors of 512 or 4096 bytes


def ole_type(head: bytes, content: Content) -> str:
    """Return the type of an OLE file, application/x-ole-storage where no stream is known.

    Looks at the directory where the header says that it lies, and at both ends for one that is damaged.
    """
    tail = bytes(content[max(0, len(content) - _TAIL) :])
    for place in (_directory(head, content), head, tail):
        for name, kind in _STREAMS:
            if name.encode("utf-16-le") in place:
                return kind
    return "application/x-ole-storage"


def _directory(head: bytes, content: Content) -> bytes:
    if len(head) < _HEADER:
        return b""
    (shift,) = struct.unpack_from("<H", head, 30)
    (sector,) = struct.unpack_from("<I", head, 48)
    if shift not in _SHIFTS:
        return b""
    start = (sector + 1) << shift
    return bytes(content[start : start + _DIRECTORY])
