"""The S3 store before a real service: keys, rights, versions, encryption, many threads, big objects."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from postroom.errors import BucketUnusable, StoreAccessRefused, StoreLoginRefused, StoreUnavailable
from postroom.storage.s3 import S3Store
from postroom.storage.s3_client import Connection
from postroom.storage.s3_shortcut import Ask
from tests.footprint import growth_mb
from tests.servers.rgw import Rgw
from tests.servers.s3 import S3Service, opened_store

pytestmark = pytest.mark.rgw
MAIL = b"Subject: hi\r\n\r\nhello\r\n"
DIGEST = hashlib.sha256(MAIL).hexdigest()


@pytest.mark.parametrize("keys", [("AKIANOBODY", "secretsecret"), ("AKIATEST", "not the secret")])
def test_a_key_that_is_refused_is_a_login_and_no_loss(
    rgw: Rgw, tmp_path: Path, keys: tuple[str, str]
) -> None:
    bucket = rgw.service.fresh_bucket()
    store = opened_store(S3Service(rgw.service.endpoint, *keys).storage(bucket), tmp_path)

    with pytest.raises(StoreLoginRefused):
        store.put("org/raw/x", MAIL)
    with pytest.raises(StoreLoginRefused):
        store.get("org/raw/x", DIGEST)


def test_a_bucket_of_somebody_else_is_refused(rgw: Rgw, tmp_path: Path) -> None:
    bucket = rgw.service.fresh_bucket()
    stranger = S3Service(rgw.service.endpoint, "AKIASTRANGER", "strangersecret")
    rgw.make_user("stranger", stranger)
    store = opened_store(stranger.storage(bucket), tmp_path)

    with pytest.raises(StoreAccessRefused):
        store.put("org/raw/x", MAIL)
    with pytest.raises(StoreAccessRefused):
        store.get("org/raw/x", DIGEST)


def test_a_bucket_that_is_not_there_is_an_outage(rgw: Rgw, tmp_path: Path) -> None:
    store = opened_store(rgw.service.storage("nobody-made-it"), tmp_path)

    with pytest.raises(BucketUnusable):
        store.get("org/raw/x", DIGEST)
    with pytest.raises(BucketUnusable):
        store.put("org/raw/x", MAIL)
    with pytest.raises(BucketUnusable):
        store.put("org/raw/big", bytes(6 * 2**20))


def test_a_probe_leaves_no_version_behind(rgw: Rgw, tmp_path: Path) -> None:
    bucket, client = rgw.service.fresh_bucket(), rgw.service.client()
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})

    opened_store(rgw.service.storage(bucket), tmp_path).probe()

    left = client.list_object_versions(Bucket=bucket)
    assert (left.get("Versions", []), left.get("DeleteMarkers", [])) == ([], [])


def test_an_object_is_encrypted_with_the_key_that_was_asked_for(rgw: Rgw, tmp_path: Path) -> None:
    bucket = rgw.service.fresh_bucket()
    store = opened_store(rgw.service.storage(bucket, options="&sse=aws:kms&sse_key=k1"), tmp_path)
    big = bytes(6 * 2**20)

    store.put("small", MAIL)
    store.put("big", big)

    for key in ("small", "big"):
        head = rgw.service.client().head_object(Bucket=bucket, Key=key)
        assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", "k1")
    assert store.get("small", DIGEST) == MAIL
    assert store.get("big", hashlib.sha256(big).hexdigest()) == big


def test_what_was_damaged_on_the_way_is_refused_and_nothing_is_kept(rgw: Rgw, tmp_path: Path) -> None:
    bucket = rgw.service.fresh_bucket()
    storage = rgw.service.storage(bucket)
    assert storage.bucket is not None
    connection = Connection(storage, storage.bucket, connections=1)
    store = S3Store(connection, tmp_path)

    def damage(params: dict[str, Any], **_: object) -> None:
        params["headers"]["Content-MD5"] = "1B2M2Y8AsgTpgAmY7PhCfg=="  # that of nothing

    connection.client.meta.events.register("before-call.s3.PutObject", damage)
    connection.client.meta.events.register("before-call.s3.UploadPart", damage)

    for content in (MAIL, bytes(6 * 2**20)):
        with pytest.raises(StoreUnavailable, match="BadDigest"):
            store.put("x", content)
    uploads = rgw.service.client().list_multipart_uploads(Bucket=bucket)
    assert (rgw.service.keys(bucket), uploads.get("Uploads", [])) == ([], [])


def test_the_way_that_boto3_showed_is_gone_by_and_what_is_damaged_on_it_is_refused(
    rgw: Rgw, tmp_path: Path
) -> None:
    storage = rgw.service.storage(rgw.service.fresh_bucket())
    assert storage.bucket is not None
    connection = Connection(storage, storage.bucket, connections=1)
    store = S3Store(connection, tmp_path)
    asked = list[str]()

    def note(request: Any, **_: object) -> None:
        asked.append(request.method)

    store.put("shown", MAIL)
    connection.client.meta.events.register("before-send.s3", note)
    store.put("x", MAIL)
    assert store.get("x", DIGEST) == MAIL
    of_nothing = {"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}
    damaged = connection.shortcut.send(Ask("PUT", "y", of_nothing, MAIL, DIGEST), {200})

    assert asked == []
    assert damaged is None
    assert rgw.service.keys(storage.bucket.name) == ["shown", "x"]


def test_threads_that_write_the_same_and_other_objects_do_not_disturb_each_other(
    rgw: Rgw, tmp_path: Path
) -> None:
    store = opened_store(rgw.service.storage(rgw.service.fresh_bucket()), tmp_path)
    contents = [f"mail {number // 3}".encode() for number in range(90)]

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda content: store.put(content.decode().replace(" ", "/"), content), contents))

    for number in range(30):
        content = f"mail {number}".encode()
        assert store.get(f"mail/{number}", hashlib.sha256(content).hexdigest()) == content


def test_a_big_object_costs_no_more_memory_than_its_parts(rgw: Rgw, tmp_path: Path) -> None:
    bucket = rgw.service.fresh_bucket()
    prepare = f"""
import hashlib
from tests.servers.s3 import S3Service, opened_store
storage = S3Service({rgw.service.endpoint!r}).storage({bucket!r})
store = opened_store(storage, Path({str(tmp_path / "drafts")!r}))
store.put("warm", bytes(6 * 2**20))
with store.opened("warm", hashlib.sha256(bytes(6 * 2**20)).hexdigest()):
    pass
big, block, digest = Path({str(tmp_path / "big")!r}), bytes(range(256)) * 4096, hashlib.sha256()
with big.open("wb") as file:
    for _ in range(100):
        digest.update(block)
        file.write(block)
"""
    work = """
store.put_file("file", big, digest.hexdigest())
with store.draft() as draft:
    for _ in range(100):
        draft.write(block)
    draft.keep("draft")
with store.opened("draft", digest.hexdigest()) as view:
    assert view[-1] == 255 and len(view) == 100 * 2**20
"""

    grown = growth_mb(prepare, work)

    assert grown <= 16
