"""Objects as files below one folder: the embedded default."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from io import BufferedRandom, BufferedReader, FileIO
from pathlib import Path

from postroom.errors import ObjectMissing, StoreUnavailable
from postroom.failpoints import reach
from postroom.storage import drafts, folder_listing
from postroom.storage.blocks import checked_blocks
from postroom.storage.digest import checked
from postroom.storage.mapped import map_of, mapped
from postroom.storage.store import Stored, View

_BLOCK_BYTES = 1024 * 1024
_DRAFTS = "_drafts"  # no org's key can begin so


class LocalStore:
    """Keeps each object in one plain file, written elsewhere below the root and renamed into its place."""

    def __init__(self, root: Path) -> None:
        self._root, self._where = root, str(root)
        self._drafts = root / _DRAFTS
        self._durable: dict[str, Path] = {}

    def put(self, key: str, content: bytes) -> None:
        with self.draft() as draft:
            draft.write(content)
            draft.keep(key)

    def put_file(self, key: str, path: Path, sha256: str, *, own: bool = False) -> None:
        if own and self._keep_as_it_is(key, path):
            return
        with self.draft() as draft:
            for block in checked_blocks(path, sha256, _BLOCK_BYTES):
                draft.write(block)
            draft.keep(key)

    @contextmanager
    def draft(self) -> Iterator[_LocalDraft]:
        with ExitStack() as stack:
            with _outage("cannot write", self._root):
                self._make_folder(str(self._drafts))
                file = stack.enter_context(drafts.draft_file(self._drafts))
            yield _LocalDraft(self._root, file, partial(self._keep, file, Path(file.name)))

    def get(self, key: str, sha256: str) -> bytes:
        with _outage(f"cannot read {key}", self._root), self._open(key) as file:
            content = file.read()
        return checked(content, key, sha256)

    @contextmanager
    def opened(self, key: str, sha256: str) -> Iterator[View]:
        with ExitStack() as stack:
            with _outage(f"cannot read {key}", self._root):
                file = stack.enter_context(self._open(key))
                view = stack.enter_context(mapped(file, key, sha256))
            yield view

    def folders(self) -> list[str]:
        with _outage("cannot list what lies", self._root):
            return folder_listing.folders(self._root)

    def listed(self, folder: str) -> Iterator[Stored]:
        with _outage(f"cannot list {folder}", self._root):
            yield from folder_listing.listed(self._root, folder)

    def probe(self) -> None:
        key = f"_probe/{secrets.token_hex(8)}"
        content = key.encode()
        self.put(key, content)
        with _outage(f"cannot read back and delete {key}", self._root):
            written = self._root / key
            if written.read_bytes() != content:
                raise StoreUnavailable(f"{written} came back with other bytes")
            written.unlink()

    def tidy(self) -> None:
        with _outage("cannot clear the drafts", self._root):
            drafts.clear(self._drafts)

    def _open(self, key: str) -> BufferedReader:
        try:
            return (self._root / key).open("rb")
        except FileNotFoundError as error:
            self._root.stat()  # an archive that is away is an outage, and raises here
            raise ObjectMissing(f"not in the archive: {key}") from error

    def _keep_as_it_is(self, key: str, path: Path) -> bool:
        """Let a file be the object, by another name; return False where it can have none here."""
        with _outage("cannot write", self._root):
            self._make_folder(str(self._drafts))
            with drafts.other_name(self._drafts, path) as linked:
                if linked is not None:
                    self._keep(*linked, key)
                return linked is not None

    def _keep(self, file: BufferedRandom | FileIO, draft: Path, key: str) -> None:
        """Fsync, rename, fsync the folder: in this order the object is whole or not there."""
        path = f"{self._where}/{key}"
        folder = path.rpartition("/")[0]
        with _outage(f"cannot write {key}", self._root):
            self._make_folder(folder)
            file.flush()
            reach("archive.drafted")
            os.fsync(file.fileno())
            reach("archive.fsynced")
            draft.rename(path)
            reach("archive.renamed")
            _fsync_folder(folder)
            reach("archive.synced")

    def _make_folder(self, folder: str) -> None:
        """Make a folder and those above it, each name durable before anything is put below it.

        A folder that is there may be another thread's, made but not yet synced: so each one is synced once by
        us before it is relied on.
        """
        known = self._durable.get(folder)
        if known is not None and known.is_dir():
            return
        path = Path(folder)
        if path != self._root:
            self._make_folder(str(path.parent))
        path.mkdir(mode=0o700, parents=path == self._root, exist_ok=True)
        _fsync_folder(path.parent)
        self._durable[folder] = path


class _LocalDraft:
    def __init__(self, root: Path, file: BufferedRandom, keep: Callable[[str], None]) -> None:
        self._root, self._file, self.keep = root, file, keep

    def write(self, block: bytes | memoryview) -> None:
        with _outage("cannot write", self._root):
            self._file.write(block)

    @contextmanager
    def view(self) -> Iterator[View]:
        with ExitStack() as stack:
            with _outage("cannot read", self._root):
                self._file.flush()
                view = stack.enter_context(map_of(self._file))
            yield view


def _fsync_folder(folder: str | Path) -> None:
    """Make the names in a folder durable; fsync of a file alone does not."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _outage(what: str, root: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise StoreUnavailable(
            f"{what} in the archive {root}: {error.strerror or error}{where}", fix=_way_out(error, root)
        ) from error


def _way_out(error: OSError, root: Path) -> str:
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return f"free some space on the disk that holds {root}"
    if error.errno == errno.EROFS:
        return f"mount the disk that holds {root} for writing"
    return f"see that {root} is mounted and that this user may write there; `storage.url` names it"
