"""The requests that every object costs: written, looked at, read; by the shortcut, else by boto3's client."""

from __future__ import annotations

import base64
import hashlib
from typing import Final

from botocore.exceptions import ClientError
from botocore.response import StreamingBody

from postroom.storage.s3_client import Connection
from postroom.storage.s3_shortcut import Ask
from postroom.storage.s3_trouble import code_of

DIGEST: Final = "sha256"  # our own metadata: x-amz-meta-sha256
_OK: Final = 200
_EXISTS: Final = 412
_ABSENT: Final = 404  # a HEAD has no body that could say more
# "If-None-Match: *" (RFC 9110 13.1.2): 412, from some 304; 409 while another writes the same key; 501 where a
# service does not know it.
_NOT_NEW = {
    "304", "409", "412", "501", "ConditionalRequestConflict", "NotImplemented", "OperationAborted",
    "PreconditionFailed",
}  # fmt: skip
_NOT_THERE = {"404", "NoSuchKey", "NotFound"}


def put(there: Connection, key: str, content: bytes, sha256: str, *, only_new: bool) -> bool:
    """Return True once the service took it, False if it would take it only in another's place.

    Raises what boto3 raises.
    """
    fine = {_OK, _EXISTS} if only_new else {_OK}
    answer = there.shortcut.send(_write(there, key, content, sha256, only_new=only_new), fine)
    if answer is not None:
        return bool(answer.status_code == _OK)
    condition = {"IfNoneMatch": "*"} if only_new else {}
    try:
        there.client.put_object(
            **there.place(key),
            **there.encryption(),
            **condition,
            Body=content,
            ContentMD5=md5(content),
            Metadata={DIGEST: sha256},
        )
    except ClientError as error:
        if only_new and code_of(error) in _NOT_NEW:
            return False
        raise
    there.shortcut.learn(key)
    return True


def is_there(there: Connection, key: str, size: int, sha256: str) -> bool:
    """Return whether an object of that size lies there that carries our digest.  Raises what boto3 raises."""
    answer = there.shortcut.send(Ask("HEAD", key), {_OK, _ABSENT})
    if answer is not None:
        told = answer.headers.get("Content-Length"), answer.headers.get(f"x-amz-meta-{DIGEST}")
        return bool(answer.status_code == _OK and told == (str(size), sha256))
    try:
        head = there.client.head_object(**there.place(key))
    except ClientError as error:
        if code_of(error) in _NOT_THERE:
            return False
        raise
    there.shortcut.learn(key)
    return bool(head["ContentLength"] == size and head["Metadata"].get(DIGEST) == sha256)


def body_of(there: Connection, key: str) -> StreamingBody:
    """Return the object's bytes; to read them raises where they break off.  Raises what boto3 raises."""
    answer = there.shortcut.send(Ask("GET", key), {_OK}, streamed=True)
    if answer is not None:
        return StreamingBody(answer.raw, answer.headers.get("Content-Length"))
    body: StreamingBody = there.client.get_object(**there.place(key))["Body"]
    there.shortcut.learn(key)
    return body


def md5(content: bytes) -> str:
    """Return Content-MD5 (RFC 1864): it tells damage on the way, and secures nothing."""
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode("ascii")


def _write(there: Connection, key: str, content: bytes, sha256: str, *, only_new: bool) -> Ask:
    wanted = {
        "Content-Length": str(len(content)),
        "Content-MD5": md5(content),
        "If-None-Match": "*" if only_new else None,
        f"x-amz-meta-{DIGEST}": sha256,
        "x-amz-server-side-encryption": there.bucket.sse,
        "x-amz-server-side-encryption-aws-kms-key-id": there.bucket.sse_key,
    }
    return Ask("PUT", key, {name: value for name, value in wanted.items() if value}, content, sha256)
