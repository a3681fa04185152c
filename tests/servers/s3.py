"""What tests need of an S3 service beside postroom's own code: buckets, and a look into them."""

from __future__ import annotations

import itertools
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from boto3.session import Session
from botocore.config import Config

from postroom.config.archive import read_bucket
from postroom.config.masked import Secret
from postroom.config.settings import Bucket, Storage
from postroom.storage.s3 import S3Store
from postroom.storage.s3_client import Connection, Patience
from tests.servers.waiting import free_port, wait_until

HASTY = Patience(connect_seconds=2, read_seconds=10, attempts=2)
_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class S3Service:
    """A running service and one who may make buckets there."""

    endpoint: str
    access_key: str = "AKIATEST"
    secret_key: str = "secretsecret"

    @cache  # noqa: B019  (a few services, as long as the tests run; to make a client takes longer than many requests)
    def client(self) -> Any:
        session = Session(self.access_key, self.secret_key, region_name="us-east-1")
        config = Config(request_checksum_calculation="when_required", s3={"addressing_style": "path"})
        return session.client("s3", endpoint_url=self.endpoint, config=config)

    def storage(self, bucket: str, prefix: str = "", options: str = "") -> Storage:
        """Return the settings of an archive in that bucket, which need not be there."""
        url = f"s3://{bucket}/{prefix}?endpoint={self.endpoint}{options}"
        return Storage(url, read_bucket(url), Secret(self.access_key), Secret(self.secret_key))

    def fresh_bucket(self) -> str:
        """Make a bucket that no other test uses, and return its name."""
        name = f"bucket-{next(_numbers)}-{free_port()}"
        self.client().create_bucket(Bucket=name)
        return name

    def keys(self, bucket: str, prefix: str = "") -> list[str]:
        """Return the keys below a prefix, in order."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return [found["Key"] for page in pages for found in page.get("Contents", [])]


def opened_store(storage: Storage, folder: Path, patience: Patience = HASTY) -> S3Store:
    """Return the archive that the settings name."""
    bucket = storage.bucket
    assert isinstance(bucket, Bucket)
    return S3Store(Connection(storage, bucket, connections=16, patience=patience), folder)


@contextmanager
def running_moto() -> Iterator[S3Service]:
    """Run a quick imitation of S3, which takes any key and checks no MD5."""
    port = free_port()
    service = S3Service(f"http://127.0.0.1:{port}")

    def answers() -> bool:
        assert server.poll() is None, log.read()
        try:
            return bool(urlopen(service.endpoint, timeout=5).close() is None)  # noqa: S310  (our own server)
        except URLError:
            return False

    orders = [sys.executable, "-W", "ignore", "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with (
        tempfile.TemporaryFile("w+") as log,
        subprocess.Popen(orders, stdout=log, stderr=log) as server,
    ):
        try:
            wait_until(answers, "moto's server to answer", seconds=60)
            yield service
        finally:
            server.terminate()
