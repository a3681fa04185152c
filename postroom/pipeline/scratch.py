"""A folder for the content of containers while they are open."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from mmap import ACCESS_READ, mmap
from pathlib import Path

from postroom.core.raw import blocks
from postroom.errors import StoreUnavailable
from postroom.pipeline.pages import Pages
from postroom.storage.store import View


@dataclass(frozen=True, slots=True)
class Scratch:
    """A container's content as a file, and an empty folder for what is in it."""

    content: Path
    inner: Path


@contextmanager
def scratch(folder: Path, content: View) -> Iterator[Scratch]:
    """Yield `content` as a file in a new folder below `folder`; at the end both are gone.

    Raises StoreUnavailable where it cannot be written.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        place = tempfile.TemporaryDirectory(dir=folder, prefix="postroom-")
    except OSError as error:
        raise _no_room(folder, error) from error
    with place as name:
        within = Scratch(Path(name, "content"), Path(name, "inner"))
        try:
            within.inner.mkdir(mode=0o700)
            with within.content.open("xb") as file:
                file.writelines(blocks(Pages(content), 0, len(content)))
        except OSError as error:
            raise _no_room(folder, error) from error
        yield within


@contextmanager
def file_view(path: Path) -> Iterator[View]:
    """Yield the bytes of a file in a scratch folder.  Raises StoreUnavailable."""
    try:
        with path.open("rb") as file:
            view: View = mmap(file.fileno(), 0, access=ACCESS_READ) if path.stat().st_size else b""
    except OSError as error:
        raise _no_room(path, error) from error
    try:
        yield view
    finally:
        if isinstance(view, mmap):
            view.close()


def _no_room(path: Path, error: OSError) -> StoreUnavailable:
    return StoreUnavailable(
        f"cannot use {path} to open a container: {error.strerror or error}",
        fix="look at the disk and the rights of `state_dir`",
    )
