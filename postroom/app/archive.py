"""Settings become an archive: the only place that chooses the store."""

from __future__ import annotations

from pathlib import Path

from postroom.config.settings import Settings
from postroom.storage.local import LocalStore
from postroom.storage.store import ObjectStore

_POLLERS = 16  # beside the workers, the threads that archive what the sources give


def open_store(settings: Settings) -> ObjectStore:
    """Return the archive that `storage.url` names; nothing is touched yet."""
    storage = settings.storage
    if storage.bucket is None:
        return LocalStore(Path(storage.url.removeprefix("file://")))
    from postroom.storage.s3 import open_s3  # noqa: PLC0415  (boto3 costs half a second; a folder needs none)

    connections = settings.jobs.workers + _POLLERS
    return open_s3(storage, storage.bucket, settings.state_dir / "drafts", connections=connections)
