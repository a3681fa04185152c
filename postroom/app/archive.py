"""Settings become an archive: the only place that chooses the store."""

from __future__ import annotations

from pathlib import Path

from postroom.config.settings import Settings
from postroom.storage.local import LocalStore
from postroom.storage.store import ObjectStore


def open_store(settings: Settings) -> ObjectStore:
    """Return the archive that `storage.url` names; nothing is touched yet."""
    return LocalStore(Path(settings.storage.url.removeprefix("file://")))
