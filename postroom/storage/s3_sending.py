"""Writing an object to an S3 service: whole or in parts, each with its MD5, and looked at afterwards.

The service checks what arrives against Content-MD5, and says afterwards that it has an object of that size
which carries our SHA-256.  Why so, and why not by ETag: docs/decisions/0005-how-an-object-is-verified.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import structlog
from botocore.exceptions import BotoCoreError, ClientError

from postroom.errors import SourceChanged, StoreUnavailable
from postroom.failpoints import reach
from postroom.storage.s3_client import Connection
from postroom.storage.s3_requests import DIGEST, is_there, md5, put

PART_BYTES = 5 * 1024 * 1024  # the least that S3 takes as a part that is not the last
_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.archive")


def send(there: Connection, key: str, size: int, blocks: Iterator[bytes], sha256: str) -> None:
    """Write an object of `size` bytes, which come in blocks of PART_BYTES; it is durable when this returns.

    What is there already and is the same is left alone.  Raises StoreUnavailable, what boto3 raises, and what
    `blocks` raises: then nothing is kept.
    """
    reach("s3.sending")
    if size > PART_BYTES:
        _in_parts(there, key, size, blocks, sha256)
        return
    content = next(blocks, b"")
    if next(blocks, None) is not None:
        raise SourceChanged("grew while it was read")
    _at_once(there, key, content, sha256)


def sliced(content: bytes) -> Iterator[bytes]:
    """Yield `content` in blocks of PART_BYTES."""
    for start in range(0, len(content), PART_BYTES):
        yield content[start : start + PART_BYTES]


def _at_once(there: Connection, key: str, content: bytes, sha256: str) -> None:
    if not put(there, key, content, sha256, only_new=True):
        if is_there(there, key, len(content), sha256):
            return
        put(there, key, content, sha256, only_new=False)
    _require(there, key, len(content), sha256)


def _in_parts(there: Connection, key: str, size: int, blocks: Iterable[bytes], sha256: str) -> None:
    if is_there(there, key, size, sha256):
        return
    place, client = there.place(key), there.client
    started = client.create_multipart_upload(**place, **there.encryption(), Metadata={DIGEST: sha256})
    upload = {**place, "UploadId": started["UploadId"]}
    finished = False
    try:
        parts = [_part(there, upload, number, block) for number, block in enumerate(blocks, start=1)]
        client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
        finished = True
    finally:
        if not finished:
            _abort(there, upload)
    _require(there, key, size, sha256)


def _part(there: Connection, upload: dict[str, str], number: int, block: bytes) -> dict[str, Any]:
    answer = there.client.upload_part(**upload, PartNumber=number, Body=block, ContentMD5=md5(block))
    reach("s3.part")
    return {"PartNumber": number, "ETag": answer["ETag"]}


def _abort(there: Connection, upload: dict[str, str]) -> None:
    """Let the service forget the parts; where it is away, its own rule for such leftovers must do."""
    try:
        there.client.abort_multipart_upload(**upload)
    except (ClientError, BotoCoreError) as error:
        _log.warning("upload left unfinished", key=upload["Key"], upload=upload["UploadId"], error=str(error))


def _require(there: Connection, key: str, size: int, sha256: str) -> None:
    reach("s3.sent")
    if not is_there(there, key, size, sha256):
        raise StoreUnavailable(
            f"{key} was written, but the bucket {there.bucket.name} does not have it as it was sent",
            fix="see that the S3 service keeps metadata, and that nothing else writes below the prefix",
        )
