"""Objects as files below one folder: the embedded default."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import ExitStack, contextmanager
from functools import partial
from io import BufferedRandom, BufferedReader, FileIO
from pathlib import Path
from threading import Semaphore

from postroom.errors import ObjectMissing, StoreUnavailable
from postroom.failpoints import reach
from postroom.storage import drafts, folder_listing
from postroom.storage.at_once import at_once
from postroom.storage.blocks import checked_blocks
from postroom.storage.digest import checked
from postroom.storage.mapped import map_of, mapped
from postroom.storage.store import Stored, View

_BLOCK_BYTES = 1024 * 1024
_TOGETHER = 32  # files, each of them open by two names
_ADOPTING = 4  # so many times at once: a process may hold 1,024 open files
_DRAFTS = "_drafts"  # no org's key can begin so


class LocalStore:
    """Keeps each object in one plain file, written elsewhere below the root and renamed into its place."""

    def __init__(self, root: Path) -> None:
        self._root, self._where = root, str(root)
        self._drafts = root / _DRAFTS
        self._durable: dict[str, Path] = {}
        self._adopting = Semaphore(_ADOPTING)

    def put(self, key: str, content: bytes) -> None:
        with self.draft() as draft:
            draft.write(content)
            draft.keep(key)

    def put_file(self, key: str, path: Path, sha256: str) -> None:
        with self.draft() as draft:
            for block in checked_blocks(path, sha256, _BLOCK_BYTES):
                draft.write(block)
            draft.keep(key)

    def adopt(self, files: Sequence[tuple[str, Path]]) -> set[str]:
        adopted = set[str]()
        with _outage("cannot write", self._root):
            for first in range(0, len(files), _TOGETHER):
                with self._adopting:
                    adopted |= self._adopt(files[first : first + _TOGETHER])
        return adopted

    @contextmanager
    def draft(self) -> Iterator[_LocalDraft]:
        with ExitStack() as stack:
            with _outage("cannot write", self._root):
                self._make_folders({str(self._drafts)})
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

    def _adopt(self, files: Sequence[tuple[str, Path]]) -> set[str]:
        """Let files be objects by other names, as far as they can have one here; return their keys."""
        self._make_folders({str(self._drafts)})
        with ExitStack() as stack:
            others = {key: stack.enter_context(drafts.other_name(self._drafts, path)) for key, path in files}
            linked = {key: other for key, other in others.items() if other is not None}
            self._keep_all(linked)
        return set(linked)

    def _keep(self, file: BufferedRandom, draft: Path, key: str) -> None:
        with _outage(f"cannot write {key}", self._root):
            file.flush()
            self._keep_all({key: (file, draft)})

    def _keep_all(self, objects: Mapping[str, tuple[BufferedRandom | FileIO, Path]]) -> None:
        """Fsync, rename, fsync the folder: in this order an object is whole or not there.

        Of several, each step is done for all before the next: more disk at once, and less waiting of threads.
        """
        paths = {key: f"{self._where}/{key}" for key in objects}
        folders = {path.rpartition("/")[0] for path in paths.values()}
        self._make_folders(folders)
        at_once(_fsync, [file for file, _ in objects.values()])
        for key, (_, draft) in objects.items():
            draft.rename(paths[key])
            reach("archive.renamed")
        at_once(_fsync_folder, folders)
        for _ in objects:
            reach("archive.synced")

    def _make_folders(self, folders: Set[str]) -> None:
        """Make folders and those above them, each name durable before anything is put below it.

        A folder that is there may be another thread's, made but not yet synced: so each one is synced once by
        us before it is relied on.
        """
        missing = {folder: Path(folder) for folder in folders if not self._is_durable(folder)}
        if not missing:
            return
        self._make_folders({str(path.parent) for path in missing.values() if path != self._root})
        for path in missing.values():
            path.mkdir(mode=0o700, parents=path == self._root, exist_ok=True)
        at_once(_fsync_folder, {str(path.parent) for path in missing.values()})
        self._durable |= missing

    def _is_durable(self, folder: str) -> bool:
        known = self._durable.get(folder)
        return known is not None and known.is_dir()


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


def _fsync(file: BufferedRandom | FileIO) -> None:
    reach("archive.drafted")
    os.fsync(file.fileno())
    reach("archive.fsynced")


def _fsync_folder(folder: str) -> None:
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
