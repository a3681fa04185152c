"""A TNEF stream cut into its attachments (MS-OXTNEF 2.1.3), so that damage to one is none to the others."""

from __future__ import annotations

import codecs
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

SIGNATURE = b"\x78\x9f\x3e\x22"
_KEY = b"\x00\x00"
_HEAD = struct.Struct("<BII")  # level, attribute, length
_CHECKSUM = 2
_LEAST = _HEAD.size + _CHECKSUM
_START = len(SIGNATURE) + len(_KEY)
_OF_ATTACHMENT = 0x02
_RENDERING, _TITLE, _DATA, _PROPERTIES = 0x00069002, 0x00018010, 0x0006800F, 0x00069005
_CODE_PAGE = 0x00069007
_PAGES = {20127: "ascii", 20866: "koi8-r", 28591: "iso-8859-1", 65001: "utf-8"}
_USUAL_PAGE = "cp1252"


@dataclass(slots=True)
class Attachment:
    """One attachment: its bytes, None where they are among its properties; its title as it is written.

    `properties` are encoded MAPI property lists; `sound` is whether all its checksums are right.
    """

    data: memoryview | None = None
    title: bytes = b""
    properties: list[bytes] = field(default_factory=list)
    sound: bool = True

    @property
    def alone(self) -> bytes:
        """Return a TNEF stream with this attachment's properties only, in a code page that takes any byte."""
        latin_1 = _written(0x01, _CODE_PAGE, struct.pack("<II", 28591, 0))
        rendering = _written(_OF_ATTACHMENT, _RENDERING, bytes(14))
        lists = [_written(_OF_ATTACHMENT, _PROPERTIES, each) for each in self.properties]
        # tnefparse passes over what has no twelve bytes behind it.
        return b"".join([SIGNATURE, _KEY, latin_1, rendering, *lists, bytes(12)])


@dataclass(frozen=True, slots=True)
class Stream:
    """What was found; `end` is behind the last whole attribute, `page` the Python name of the code page."""

    attachments: tuple[Attachment, ...]
    page: str
    end: int
    is_cut: bool


@dataclass(frozen=True, slots=True)
class _Attribute:
    level: int
    name: int
    value: memoryview
    end: int
    sound: bool


def cut(content: bytes) -> Stream:
    """Return the attachments of a TNEF stream in their order; what is behind damage is not there.  Linear.

    Raises ValueError where it does not begin as one.
    """
    if not content.startswith(SIGNATURE):
        raise ValueError("no TNEF stream")
    attachments: list[Attachment] = []
    page, end = _USUAL_PAGE, _START
    for attribute in _attributes(content):
        end = attribute.end
        if attribute.name == _CODE_PAGE:
            page = _page(attribute.value)
        if attribute.level == _OF_ATTACHMENT:
            if attribute.name == _RENDERING or not attachments:  # MS-OXTNEF 2.1.3.3: it comes first
                attachments.append(Attachment())
            _add(attribute, attachments[-1])
    # Behind the last attribute nothing but padding is allowed.
    return Stream(tuple(attachments), page, end, is_cut=bool(content[end:].strip(b"\x00")))


def _attributes(content: bytes) -> Iterator[_Attribute]:
    whole, at = memoryview(content), _START
    while at + _LEAST <= len(content):
        level, name, length = _HEAD.unpack_from(content, at)
        start, end = at + _HEAD.size, at + _LEAST + length
        if level not in {0x01, _OF_ATTACHMENT} or end > len(content):
            return
        value = whole[start : end - _CHECKSUM]
        (told,) = struct.unpack_from("<H", content, end - _CHECKSUM)
        yield _Attribute(level, name, value, end, sound=sum(value) & 0xFFFF == told)
        at = end


def _add(attribute: _Attribute, attachment: Attachment) -> None:
    attachment.sound = attachment.sound and attribute.sound
    if attribute.name == _DATA:
        attachment.data = attribute.value
    elif attribute.name == _TITLE:
        attachment.title = bytes(attribute.value).rstrip(b"\x00")
    elif attribute.name == _PROPERTIES:
        attachment.properties.append(_counted(bytes(attribute.value)))


def _counted(properties: bytes) -> bytes:
    """Return a property list that promises no more properties than its bytes could hold, at four for each."""
    most = len(properties) // 4
    return min(int.from_bytes(properties[:4], "little"), most).to_bytes(4, "little") + properties[4:]


def _page(value: memoryview) -> str:
    number = int.from_bytes(value[:4], "little")
    page = _PAGES.get(number, f"cp{number}")
    try:
        codecs.lookup(page)
    except LookupError:
        return _USUAL_PAGE
    return page


def _written(level: int, name: int, value: bytes) -> bytes:
    return _HEAD.pack(level, name, len(value)) + value + struct.pack("<H", sum(value) & 0xFFFF)
