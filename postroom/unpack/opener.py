"""Which content is a container, and opening it in a child."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

from postroom.core.limits import Limits
from postroom.core.part import Part
from postroom.unpack.children import Children
from postroom.unpack.container import Room, Unpacked
from postroom.unpack.order import Order
from postroom.unpack.shelf import NOT_UNPACKED

_SIGNATURES = frozenset({"application/pkcs7-signature", "application/x-pkcs7-signature"})
_KINDS = {
    "application/ms-tnef": "tnef",
    "application/pkcs7-mime; smime-type=signed-data": "signed",
    "application/pkcs7-mime": "signed",  # in PEM, where only decoding it tells
    "application/zip": "zip",
}
_NO_TNEF = Unpacked(reason=NOT_UNPACKED, defects=("winmail.dat needs postroom[tnef]",))


class Opener:
    """The Unpacker: by its own bytes a content is TNEF, CMS signed data, or, where `limits` say so, a zip."""

    def __init__(self, children: Children, limits: Limits) -> None:
        self._children = children
        self._limits = limits

    def kind(self, part: Part, sniffed: str) -> str:
        """Return "tnef", "signed", "zip" or ""; a detached signature is none, an office document neither."""
        found = _KINDS.get(sniffed, "")
        if found == "zip" and not self._limits.unpack_zip:
            return ""
        return "" if found == "signed" and part.content_type in _SIGNATURES else found

    def unpack(self, kind: str, content: Path, into: Path, *, name: str, room: Room) -> Unpacked:
        """Open the container: see Unpacker."""
        if kind == "tnef" and find_spec("tnefparse") is None:
            return _NO_TNEF
        limits = self._limits
        order = Order(
            kind=kind,
            content=str(content),
            into=str(into),
            name=name,
            things=min(room.things, limits.unpack_files),
            total_bytes=min(room.total_bytes, limits.unpack_total_bytes),
            ratio=limits.unpack_ratio,
            memory_bytes=limits.unpack_memory_bytes,
            seconds=limits.unpack_seconds,
        )
        return self._children.open(order)


def open_containers(limits: Limits) -> Opener:
    """Return an Unpacker with its children, as many at once as there are processors; none is started yet."""
    return Opener(Children(os.cpu_count() or 1), limits)
