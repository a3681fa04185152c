"""Objects in a bucket of an S3 service: Amazon, MinIO, Ceph, Garage."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from io import BufferedRandom
from itertools import chain, islice
from pathlib import Path

from botocore.exceptions import ClientError
from botocore.response import StreamingBody

from postroom.errors import ObjectMissing, SourceChanged, StoreUnavailable
from postroom.storage import drafts, s3_listing
from postroom.storage.blocks import checked_blocks
from postroom.storage.digest import checked
from postroom.storage.mapped import map_of, mapped
from postroom.storage.s3_client import Connection
from postroom.storage.s3_requests import body_of
from postroom.storage.s3_sending import PART_BYTES, send, sliced
from postroom.storage.s3_trouble import code_of, explained
from postroom.storage.store import Stored, View

_BLOCK_BYTES = 1024 * 1024


class S3Store:
    """Keeps each object under its key below the bucket's prefix; `folder` is for what is on its way."""

    def __init__(self, connection: Connection, folder: Path) -> None:
        self._there = connection
        self._folder = folder

    def put(self, key: str, content: bytes) -> None:
        self._send(key, len(content), sliced(content), hashlib.sha256(content).hexdigest())

    def adopt(self, files: Sequence[tuple[str, Path]]) -> set[str]:
        return set()  # here all are copied

    def put_file(self, key: str, path: Path, sha256: str) -> None:
        try:
            size = path.lstat().st_size
        except FileNotFoundError as error:
            raise SourceChanged(f"{path} is gone") from error
        self._send(key, size, checked_blocks(path, sha256, PART_BYTES), sha256)

    @contextmanager
    def draft(self) -> Iterator[_S3Draft]:
        with self._new_file() as file:
            yield _S3Draft(self, file)

    def get(self, key: str, sha256: str) -> bytes:
        with self._explained(f"cannot read {key}"), closing(self._body(key)) as body:
            content: bytes = body.read()
        return checked(content, key, sha256)

    @contextmanager
    def opened(self, key: str, sha256: str) -> Iterator[View]:
        with ExitStack() as stack:
            with self._explained(f"cannot read {key}"), closing(self._body(key)) as body:
                blocks = body.iter_chunks(_BLOCK_BYTES)
                begun = list(islice(blocks, 2))
                file = self._filled(stack, chain(begun, blocks)) if len(begun) > 1 else None
            if file is None:  # one block, which is in memory already
                yield checked(b"".join(begun), key, sha256)
                return
            with _on_disk(self._folder):
                file.seek(0)
                view = stack.enter_context(mapped(file, key, sha256))
            yield view

    def folders(self) -> list[str]:
        with self._explained("cannot list what lies"):
            return s3_listing.folders(self._there)

    def listed(self, folder: str) -> Iterator[Stored]:
        with self._explained(f"cannot list {folder}"):
            yield from s3_listing.listed(self._there, folder)

    def probe(self) -> None:
        key = f"_probe/{secrets.token_hex(8)}"
        content = key.encode()
        self.put(key, content)
        with self._explained(f"cannot read back and delete {key}"):
            with closing(self._body(key)) as body:
                found = body.read()
            # In a bucket with versions, a deletion that names none would keep the object and add a marker.
            version = self._there.client.head_object(**self._there.place(key)).get("VersionId")
            of_it = {"VersionId": version} if version else {}
            self._there.client.delete_object(**self._there.place(key), **of_it)
        if found != content:
            raise StoreUnavailable(f"{key} came back with other bytes")

    def tidy(self) -> None:
        with _on_disk(self._folder):
            drafts.clear(self._folder)

    def send_file(self, key: str, file: BufferedRandom, size: int, sha256: str) -> None:
        """Store what is in `file`, from its beginning."""
        with _on_disk(self._folder):
            file.seek(0)
        self._send(key, size, iter(lambda: file.read(PART_BYTES), b""), sha256)

    def _send(self, key: str, size: int, blocks: Iterator[bytes], sha256: str) -> None:
        with self._explained(f"cannot write {key}"):
            send(self._there, key, size, blocks, sha256)

    def _body(self, key: str) -> StreamingBody:
        try:
            return body_of(self._there, key)
        except ClientError as error:
            if code_of(error) == "NoSuchKey":  # any other 404 is a bucket or a service that is away
                raise ObjectMissing(f"not in the archive: {key}") from error
            raise

    @contextmanager
    def _new_file(self) -> Iterator[BufferedRandom]:
        with ExitStack() as stack:
            with _on_disk(self._folder):
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                file = stack.enter_context(drafts.draft_file(self._folder))
            yield file

    def _filled(self, stack: ExitStack, blocks: Iterable[bytes]) -> BufferedRandom:
        file = stack.enter_context(self._new_file())
        for block in blocks:
            with _on_disk(self._folder):
                file.write(block)
        return file

    def _explained(self, what: str) -> AbstractContextManager[None]:
        return explained(what, self._there.bucket)


class _S3Draft:
    """What is written lies in a file of this machine, and is sent when it is kept."""

    def __init__(self, store: S3Store, file: BufferedRandom) -> None:
        self._store, self._file = store, file
        self._digest, self._size = hashlib.sha256(), 0

    def write(self, block: bytes | memoryview) -> None:
        with _on_disk(Path(self._file.name).parent):
            self._file.write(block)
        self._digest.update(block)
        self._size += len(block)

    @contextmanager
    def view(self) -> Iterator[View]:
        with ExitStack() as stack:
            with _on_disk(Path(self._file.name).parent):
                self._file.flush()
                view = stack.enter_context(map_of(self._file))
            yield view

    def keep(self, key: str) -> None:
        self._store.send_file(key, self._file, self._size, self._digest.hexdigest())


@contextmanager
def _on_disk(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreUnavailable(
            f"cannot use {folder}, where objects are on their way: {error.strerror or error}",
            fix="look at the disk and the rights of `state_dir`",
        ) from error
