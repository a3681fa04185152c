"""Step by step to a bucket, for `postroom check --connect`: which step fails, and what to do about it."""

from __future__ import annotations

import os
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import SplitResult, urlsplit

from botocore.exceptions import ClientError
from botocore.httpsession import get_cert_path
from botocore.utils import get_environ_proxies

from postroom.errors import StoreLoginRefused, StoreUnavailable, StoreUnreachable
from postroom.storage.s3 import S3Store
from postroom.storage.s3_client import Connection
from postroom.storage.s3_trouble import code_of, explained

_SECONDS = 5.0
_PORTS = {"http": 80, "https": 443}
_ENDPOINT_FIX = "correct `endpoint` in storage.url, or look at the resolver and the firewall"
# What a service without the feature, or a key without the right, answers to the two questions that may fail.
_NOT_TOLD = {"403", "501", "AccessDenied", "MethodNotAllowed", "NotImplemented"}
_NO_ENCRYPTION = "ServerSideEncryptionConfigurationNotFoundError"


def steps(connection: Connection, store: S3Store) -> Iterator[tuple[str, Callable[[], str]]]:
    """Yield each step's name and what takes it: it returns what came out.

    Nothing is left behind: the probe is deleted again.  A step raises StoreUnavailable where it fails.
    """
    yield "DNS", lambda: _dns(connection)
    yield "TCP", lambda: _tcp(connection)
    yield "TLS", lambda: _tls(connection)
    yield "key", lambda: _key(connection)
    yield "bucket", lambda: _bucket(connection)
    yield "probe", lambda: _probe(store)
    yield "versions", lambda: _versions(connection)
    yield "encrypt", lambda: _encryption(connection)


def _first_hop(connection: Connection) -> SplitResult:
    """Return where the connection goes: the service, or the proxy that the environment names for it."""
    with explained("cannot tell where the service is", connection.bucket):
        endpoint: str = connection.client.meta.endpoint_url
    split = urlsplit(endpoint)
    proxy = get_environ_proxies(endpoint).get(split.scheme)
    return urlsplit(proxy if "//" in proxy else f"http://{proxy}") if proxy else split


def _address(hop: SplitResult) -> tuple[str, int]:
    return hop.hostname or "", hop.port or _PORTS.get(hop.scheme, 443)


def _dns(connection: Connection) -> str:
    host, port = _address(_first_hop(connection))
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise StoreUnreachable(f"{host}: {error.strerror or error}", fix=_ENDPOINT_FIX) from error
    return f"{host} -> {', '.join(sorted({str(each[4][0]) for each in found}))}"


def _tcp(connection: Connection) -> str:
    host, port = _address(_first_hop(connection))
    started = time.monotonic()
    try:
        socket.create_connection((host, port), timeout=_SECONDS).close()
    except OSError as error:
        raise StoreUnreachable(f"{host}:{port}: {error.strerror or error}", fix=_ENDPOINT_FIX) from error
    return f"{port} in {(time.monotonic() - started) * 1000:.0f} ms"


def _tls(connection: Connection) -> str:
    hop = _first_hop(connection)
    if hop.scheme == "http":
        return "off: the mails are not encrypted on their way"
    host, port = _address(hop)
    ca = str(connection.bucket.ca or os.environ.get("AWS_CA_BUNDLE") or get_cert_path(verify=True))
    try:
        context = ssl.create_default_context(cafile=ca)
        with (
            socket.create_connection((host, port), timeout=_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=host) as encrypted,
        ):
            version = (encrypted.version() or "TLS").replace("TLSv", "TLS ")
    except OSError as error:
        fix = f"endpoint must be the name in the certificate; ca names an own CA, now it is {ca}"
        raise StoreUnreachable(f"{host}:{port}: {error}", fix=fix) from error
    return f"{version}, certificate valid"


def _key(connection: Connection) -> str:
    with explained("cannot find a key", connection.bucket):
        found = connection.session.get_credentials()
        key = found.get_frozen_credentials().access_key if found else None
    if not found or not key:
        fix = "set `storage.access_key` and `storage.secret_key`, or what boto3 looks for"
        raise StoreLoginRefused("no key for the S3 service", fix=fix)
    try:
        _look(connection)
    except StoreLoginRefused:
        raise
    except StoreUnavailable:
        return f"{key}; whether it is good for the bucket is seen next"
    origin = "storage.access_key" if found.method == "explicit" else f"what boto3 found ({found.method})"
    return f"{key}, from {origin}"


def _bucket(connection: Connection) -> str:
    _look(connection)
    return f"{connection.bucket.name} is there and may be looked into"


def _look(connection: Connection) -> None:
    bucket = connection.bucket
    with explained("cannot look", bucket):
        connection.client.list_objects_v2(Bucket=bucket.name, Prefix=bucket.prefix, MaxKeys=1)


def _probe(store: S3Store) -> str:
    store.probe()
    return "an object was written, read back and deleted"


def _versions(connection: Connection) -> str:
    answer = _told(connection, "get_bucket_versioning")
    if answer is None:
        return "not told: the key lacks s3:GetBucketVersioning, or the service has none"
    return {"Enabled": "on", "Suspended": "suspended"}.get(str(answer.get("Status")), "off")


def _encryption(connection: Connection) -> str:
    if connection.bucket.sse:
        return f"{connection.bucket.sse}, asked for with each object"
    answer = _told(connection, "get_bucket_encryption")
    if answer is None:
        return "not told: the key lacks s3:GetEncryptionConfiguration, or the service has none"
    rules = answer.get("ServerSideEncryptionConfiguration", {}).get("Rules", [])
    default = [rule.get("ApplyServerSideEncryptionByDefault", {}).get("SSEAlgorithm") for rule in rules]
    return f"{default[0]} by the bucket's default" if default and default[0] else "none by default"


def _told(connection: Connection, question: str) -> dict[str, Any] | None:
    """Return what the service says of the bucket, None where it does not say."""
    with explained("cannot ask", connection.bucket):
        try:
            answer: dict[str, Any] = getattr(connection.client, question)(Bucket=connection.bucket.name)
        except ClientError as error:
            if code_of(error) == _NO_ENCRYPTION:
                return {}
            if code_of(error) in _NOT_TOLD:
                return None
            raise
    return answer
