"""Building the settings of the archive: a folder, or a bucket of an S3 service."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, urlsplit

from postroom.config import schema as s
from postroom.config.hints import did_you_mean
from postroom.config.reader import Table
from postroom.config.settings import Addressing, Bucket, Storage
from postroom.config.toml import spelled, written
from postroom.config.values import ValueFault

_FILE, _S3 = "file://", "s3://"
_FOLDER_HINT = 'write "file:///var/lib/postroom/archive"'
_BUCKET_HINT = 'write "s3://BUCKET/PREFIX?endpoint=https://s3.example.com"'
# Amazon S3 User Guide, "General purpose bucket naming rules" and "Object key naming guidelines".
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"[A-Za-z0-9!_.*'()-]+(/[A-Za-z0-9!_.*'()-]+)*")
_REGION = re.compile(r"[A-Za-z0-9-]{1,64}")
_OPTIONS = ("endpoint", "region", "addressing", "sse", "sse_key", "ca")
_SSE = ("AES256", "aws:kms")
_KEYS = (s.STORAGE_ACCESS_KEY, s.STORAGE_SECRET_KEY, s.STORAGE_SESSION_TOKEN)
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def storage(table: Table, url: str) -> Storage:
    """Return the archive that `url` names; what follows file:// is taken as it stands, with no %-escapes."""
    access, secret, token = map(table.take_secret, _KEYS)
    bucket = None
    if url.startswith(_S3):
        bucket = _bucket(table, url)
        _check_pair(table)
    else:
        _check_folder(table, url)
        for key in _KEYS:
            if table.has(key):
                table.warn(key, "is not used: the archive is a folder")
    return Storage(url=url, bucket=bucket, access_key=access, secret_key=secret, session_token=token)


def _check_folder(table: Table, url: str) -> None:
    if not url.startswith(_FILE):
        hint = f"{_FOLDER_HINT}, or {_BUCKET_HINT.removeprefix('write ')}"
        table.fault(s.STORAGE_URL, "must begin with file:// or s3://", hint)
    elif not url.startswith(f"{_FILE}/") or url == f"{_FILE}/":
        table.fault(s.STORAGE_URL, "must name an absolute folder", _FOLDER_HINT)
    else:
        table.show(s.STORAGE_URL, spelled(url))


def _check_pair(table: Table) -> None:
    """See that the key and its secret are both there, or neither: then boto3 looks where it always does."""
    pair = s.STORAGE_ACCESS_KEY, s.STORAGE_SECRET_KEY
    for one, other in (pair, pair[::-1]):
        if table.has(one) and not table.has(other):
            table.fault(
                one, f"stands without {other.leaf}", "set both, or neither for the machine's own role"
            )
    if table.has(s.STORAGE_SESSION_TOKEN) and not table.has(s.STORAGE_ACCESS_KEY):
        table.fault(s.STORAGE_SESSION_TOKEN, "stands without access_key", "a token belongs to its key")


def _bucket(table: Table, url: str) -> Bucket | None:
    try:
        bucket = read_bucket(url)
    except ValueFault as fault:
        table.fault(s.STORAGE_URL, fault.message, fault.hint)
        return None
    if bucket.endpoint and bucket.endpoint.startswith("http:") and not _is_loopback(bucket.endpoint):
        table.warn(s.STORAGE_URL, "the mails travel to the archive and back without encryption: http")
    return bucket


def read_bucket(url: str) -> Bucket:
    """Return the bucket that an s3:// URL names.  Raises ValueFault."""
    try:
        split = urlsplit(url)
    except ValueError as error:
        raise ValueFault("is no URL", _BUCKET_HINT) from error
    if "@" in split.netloc:
        raise ValueFault("must not hold a key or a secret", "set access_key and secret_key instead")
    if not _NAME.fullmatch(split.netloc):
        raise ValueFault(f"{written(split.netloc)} is no bucket name", _BUCKET_HINT)
    prefix = split.path.strip("/")
    if split.fragment or (prefix and not _PREFIX.fullmatch(prefix)):
        raise ValueFault(
            "has a prefix that makes no safe key", "letters, digits and !_.*'()- between single /"
        )
    options = _options(split)
    sse, sse_key = options.get("sse"), options.get("sse_key")
    if sse is not None and sse not in _SSE:
        raise ValueFault(f"sse={sse} is not known", f"known: {', '.join(_SSE)}")
    if sse_key and sse != "aws:kms":
        raise ValueFault("sse_key goes with sse=aws:kms only", "add it, or leave the key out")
    return Bucket(
        name=split.netloc,
        prefix=prefix,
        endpoint=_endpoint(options.get("endpoint")),
        region=_region(options.get("region")),
        addressing=_addressing(options.get("addressing", "auto")),
        sse=sse,
        sse_key=sse_key,
        ca=_ca(options.get("ca")),
    )


def _options(split: SplitResult) -> Mapping[str, str]:
    try:
        pairs = parse_qsl(split.query, keep_blank_values=True, strict_parsing=bool(split.query))
    except ValueError as error:
        raise ValueFault("must have name=value after the ?, with & between", _BUCKET_HINT) from error
    for name, value in pairs:
        if name not in _OPTIONS:
            hint = did_you_mean(name, _OPTIONS) or f"known: {', '.join(_OPTIONS)}"
            raise ValueFault(f"{written(name)} is no option of an s3 URL", hint)
        if not value or not value.isprintable():
            raise ValueFault(f"{name} has no value that could be used")
    if len(dict(pairs)) < len(pairs):
        raise ValueFault("has an option twice")
    return dict(pairs)


def _endpoint(url: str | None) -> str | None:
    if url is None:
        return None
    try:
        split = urlsplit(url)
        is_sound = split.scheme in {"https", "http"} and bool(split.hostname) and split.port != 0
    except ValueError:
        is_sound = False
    if not is_sound or "@" in split.netloc or split.path.strip("/") or split.query or split.fragment:
        raise ValueFault(
            f"endpoint={url} is no address of a service", "write https://HOST or https://HOST:PORT"
        )
    return f"{split.scheme}://{split.netloc}"


def _region(name: str | None) -> str | None:
    if name is not None and not _REGION.fullmatch(name):
        raise ValueFault(f"region={name} is no region", "for example eu-central-1")
    return name


def _addressing(word: str) -> Addressing:
    try:
        return Addressing(word)
    except ValueError as error:
        raise ValueFault(f"addressing={word} is not known", f"known: {', '.join(Addressing)}") from error


def _ca(path: str | None) -> Path | None:
    if path is not None and not path.startswith("/"):
        raise ValueFault(f"ca={path} is no absolute path", "write ca=/etc/ssl/our-ca.pem")
    return None if path is None else Path(path)


def _is_loopback(endpoint: str) -> bool:
    return urlsplit(endpoint).hostname in _LOOPBACK
