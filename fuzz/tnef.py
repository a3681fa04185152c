"""winmail.dat, as the child that opens it reads it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import atheris

from fuzz.started import fuzz

with atheris.instrument_imports(include=["postroom", "tnefparse"]):
    from postroom.unpack.container import Room
    from postroom.unpack.shelf import Full, Shelf
    from postroom.unpack.tnef import open_tnef

FOLDER = Path(tempfile.mkdtemp(prefix="postroom-fuzz-"))


def read(raw: bytes) -> None:
    content, inner = FOLDER / "content", FOLDER / "inner"
    inner.mkdir(exist_ok=True)
    content.write_bytes(b"\x78\x9f\x3e\x22" + raw)
    try:
        open_tnef(content, Shelf(inner, Room(100, 1_000_000)))
    except (ValueError, Full):
        pass
    finally:
        for path in inner.iterdir():
            path.unlink()


if __name__ == "__main__":
    fuzz(read, longest=8_192)
