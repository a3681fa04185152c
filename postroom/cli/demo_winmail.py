"""The winmail.dat of the demo: one attachment in a TNEF stream, as Outlook sends it."""

from __future__ import annotations

import struct

_START = b"\x78\x9f\x3e\x22\x01\x00"  # MS-OXTNEF 2.1.3.1: signature and key
_VERSION, _CODE_PAGE, _RENDERING, _DATA, _PROPERTIES = (
    0x00089006,
    0x00069007,
    0x00069002,
    0x0006800F,
    0x00069005,
)
_UNICODE, _LONG_NAME = 0x001F, 0x3707


def winmail(name: str, content: bytes) -> bytes:
    """Return a winmail.dat with this one file in it."""
    written = name.encode("utf-16-le") + b"\x00\x00"
    long_name = struct.pack("<IHHII", 1, _UNICODE, _LONG_NAME, 1, len(written))
    attributes = [
        (1, _VERSION, struct.pack("<I", 0x10000)),
        (1, _CODE_PAGE, struct.pack("<II", 1252, 0)),
        (2, _RENDERING, bytes(14)),
        (2, _DATA, content),
        (2, _PROPERTIES, long_name + written + bytes(-len(written) % 4)),
    ]
    return _START + b"".join(_attribute(*each) for each in attributes)


def _attribute(level: int, name: int, value: bytes) -> bytes:
    return struct.pack("<BII", level, name, len(value)) + value + struct.pack("<H", sum(value) & 0xFFFF)
