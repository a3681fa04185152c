"""Zip: entries counted as they are read, and nothing that a directory says taken on trust."""

from __future__ import annotations

import stat
import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from postroom.unpack.shelf import Full, Shelf

_BLOCK = 256 * 1024
_LOCAL_HEADER = 30  # bytes before the name: APPNOTE 4.3.7
_IS_ENCRYPTED = 0x1  # APPNOTE 4.4.4, bit 0
_RATIO_FROM = 1024 * 1024  # bytes; a small sheet full of one word is no bomb
_DAMAGED = (BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError, LookupError, RuntimeError)


def open_zip(content: Path, shelf: Shelf, *, ratio: int) -> None:
    """Put every entry of a zip on the shelf that can be read; what stays in it is said.

    Left in it: entries that are encrypted, links, packed by another method than deflate, damaged, or that
    share bytes with another.  A name decides nothing but what the entry is called.  Raises Full, ShelfBroken.
    """
    try:
        archive = ZipFile(content)
    except _DAMAGED:
        shelf.miss("damaged zip")
        return
    with archive:
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        _note_names(entries, shelf)
        sharing = _sharing(archive)
        for entry in entries:
            _take(archive, entry, shelf, ratio=ratio, shares=entry.header_offset in sharing)


def _take(archive: ZipFile, entry: ZipInfo, shelf: Shelf, *, ratio: int, shares: bool) -> None:
    if entry.flag_bits & _IS_ENCRYPTED:
        shelf.miss("encrypted zip entry", "encrypted")
    elif stat.S_ISLNK(entry.external_attr >> 16):
        shelf.miss("zip entry is a link")
    elif entry.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
        shelf.miss("zip entry packed by another method")
    elif shares:
        shelf.miss("overlapping zip entries")
    else:
        try:
            shelf.put(_blocks(archive, entry, ratio), filename=entry.filename)
        except _DAMAGED:
            shelf.miss("damaged zip entry")


def _blocks(archive: ZipFile, entry: ZipInfo, ratio: int) -> Iterator[bytes]:
    # `compress_size` is the directory's word, but no entry shares its bytes, and beyond them nothing is read.
    most = max(_RATIO_FROM, ratio * entry.compress_size)
    read = 0
    with archive.open(entry) as file:
        while block := file.read(_BLOCK):
            read += len(block)
            if read > most:
                raise Full("unpack_ratio")
            yield block


def _note_names(entries: list[ZipInfo], shelf: Shelf) -> None:
    names = Counter(entry.filename for entry in entries)
    if len(names) < len(entries):
        shelf.note("duplicate name in zip")
    if any(name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/") for name in names):
        shelf.note("path out of the zip")


def _sharing(archive: ZipFile) -> set[int]:
    """Return where those entries begin that reach into the next one, or begin where another does."""
    starts = Counter(entry.header_offset for entry in archive.infolist())
    ordered = sorted(archive.infolist(), key=lambda entry: entry.header_offset)
    found = {start for start, count in starts.items() if count > 1}
    ends = [entry.header_offset for entry in ordered[1:]] + [archive.start_dir]
    for entry, end in zip(ordered, ends, strict=False):
        name = len(entry.orig_filename.encode("utf-8" if entry.flag_bits & 0x800 else "cp437", "replace"))
        if entry.header_offset + _LOCAL_HEADER + name + entry.compress_size > end:
            found.add(entry.header_offset)
    return found
