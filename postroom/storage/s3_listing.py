"""What lies in a bucket, page by page; an S3 service lists keys in the order of their bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from postroom.storage.s3_client import Connection
from postroom.storage.store import Stored


def folders(there: Connection) -> list[str]:
    """Return the first steps of all keys below the bucket's prefix.  Raises what boto3 raises."""
    found = [
        each["Prefix"] for page in _pages(there, "", Delimiter="/") for each in page.get("CommonPrefixes", ())
    ]
    return sorted(prefix.removeprefix(_prefix(there)).rstrip("/") for prefix in found)


def listed(there: Connection, folder: str) -> Iterator[Stored]:
    """Yield the objects below a folder.  Raises what boto3 raises."""
    for page in _pages(there, f"{folder}/"):
        for each in page.get("Contents", ()):
            yield Stored(each["Key"].removeprefix(_prefix(there)), each["Size"])


def _pages(there: Connection, folder: str, **more: str) -> Iterator[Any]:
    pages = there.client.get_paginator("list_objects_v2")
    yield from pages.paginate(Bucket=there.bucket.name, Prefix=_prefix(there) + folder, **more)


def _prefix(there: Connection) -> str:
    return there.place("")["Key"]
