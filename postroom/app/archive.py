"""Settings become an archive: the only place that chooses the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from postroom.config.settings import Bucket, Settings
from postroom.storage.local import LocalStore
from postroom.storage.store import ObjectStore

if TYPE_CHECKING:
    from postroom.storage.s3_client import Connection

_POLLERS = 16  # beside the workers, the threads that archive what the sources give


def open_store(settings: Settings) -> ObjectStore:
    """Return the archive that `storage.url` names; nothing is touched yet."""
    storage = settings.storage
    if storage.bucket is None:
        return LocalStore(Path(storage.url.removeprefix("file://")))
    from postroom.storage.s3 import S3Store  # noqa: PLC0415  (boto3 costs half a second; a folder needs none)

    return S3Store(_connection(settings, storage.bucket), _drafts(settings))


def spool_of(settings: Settings) -> Path:
    """Return the folder for what is on its way into the archive, and for containers while they are open."""
    return settings.state_dir / "spool"


def bucket_steps(settings: Settings) -> Iterator[tuple[str, Callable[[], str]]]:
    """Yield the steps to the bucket that `storage.url` names, each with what takes it: see s3_trial.

    Without a bucket there are none.
    """
    from postroom.storage.s3 import S3Store  # noqa: PLC0415  (as above)
    from postroom.storage.s3_trial import steps  # noqa: PLC0415  (as above)

    if settings.storage.bucket is not None:
        connection = _connection(settings, settings.storage.bucket)
        yield from steps(connection, S3Store(connection, _drafts(settings)))


def _connection(settings: Settings, bucket: Bucket) -> Connection:
    from postroom.storage.s3_client import Connection  # noqa: PLC0415  (as above)

    return Connection(settings.storage, bucket, connections=settings.jobs.workers + _POLLERS)


def _drafts(settings: Settings) -> Path:
    """Return the folder for objects on their way to a bucket and from it."""
    return settings.state_dir / "drafts"
