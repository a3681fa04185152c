"""A look into an archive past postroom's own code: what lies there, and losing some of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest

from postroom.config.settings import Bucket
from postroom.storage.local import LocalStore
from postroom.storage.store import ObjectStore
from tests.databases import on_cluster_leg
from tests.servers.rgw import Rgw
from tests.servers.s3 import S3Service, opened_store


class Stock(Protocol):
    """An archive's store, and its objects as the disk or the service shows them."""

    @property
    def store(self) -> ObjectStore:
        """Return the store under test."""
        ...

    def objects(self) -> list[str]:
        """Return every key that something lies under, in order; drafts are among them."""
        ...

    def read(self, key: str) -> bytes:
        """Return what lies under a key, unchecked."""
        ...

    def replace(self, key: str, content: bytes) -> None:
        """Put other bytes under a key, as no archive should."""
        ...

    def lose(self, key: str) -> None:
        """Let an object vanish, as no archive should."""
        ...


class FolderStock:
    def __init__(self, root: Path) -> None:
        self.store = LocalStore(root)
        self._root = root

    def objects(self) -> list[str]:
        return sorted(str(path.relative_to(self._root)) for path in self._root.rglob("*") if path.is_file())

    def read(self, key: str) -> bytes:
        return (self._root / key).read_bytes()

    def replace(self, key: str, content: bytes) -> None:
        (self._root / key).write_bytes(content)

    def lose(self, key: str) -> None:
        (self._root / key).unlink()


@dataclass(frozen=True, slots=True)
class BucketStock:
    """`drafts` is the folder where objects lie on their way."""

    store: ObjectStore
    service: S3Service
    bucket: str
    prefix: str
    drafts: Path

    def objects(self) -> list[str]:
        keys = [
            key.removeprefix(f"{self.prefix}/") for key in self.service.keys(self.bucket, f"{self.prefix}/")
        ]
        return keys + [f"drafts/{path.name}" for path in self.drafts.glob("*")]

    def read(self, key: str) -> bytes:
        answer = self.service.client().get_object(Bucket=self.bucket, Key=f"{self.prefix}/{key}")
        content: bytes = answer["Body"].read()
        return content

    def replace(self, key: str, content: bytes) -> None:
        self.service.client().put_object(Bucket=self.bucket, Key=f"{self.prefix}/{key}", Body=content)

    def lose(self, key: str) -> None:
        self.service.client().delete_object(Bucket=self.bucket, Key=f"{self.prefix}/{key}")


def fresh_stock(request: pytest.FixtureRequest, folder: Path) -> Stock:
    """Return an empty archive: a folder below `folder`, or on the cluster leg a bucket of a real service."""
    if on_cluster_leg():
        server = request.getfixturevalue("rgw")
        assert isinstance(server, Rgw)
        return stock_in(server.service, folder / "drafts")
    return FolderStock(folder / "archive")


def stock_in(service: S3Service, folder: Path) -> BucketStock:
    """Return an archive in a bucket of its own; `folder` is for its drafts."""
    bucket = service.fresh_bucket()
    storage = service.storage(bucket, "mail/test")
    assert isinstance(storage.bucket, Bucket)
    return BucketStock(opened_store(storage, folder), service, bucket, "mail/test", folder)
