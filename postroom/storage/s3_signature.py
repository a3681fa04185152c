"""Signature Version 4 of one request to S3: "Authenticating Requests" in its API reference."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

NOTHING: Final = hashlib.sha256(b"").hexdigest()
"""The digest of a request without a body."""
_SIGNED: Final = frozenset({"content-md5", "host", "if-none-match"})
_DEFAULT_PORTS: Final = {"http": ":80", "https": ":443"}


@dataclass(frozen=True, slots=True)
class Signer:
    """Whose requests they are, and for which region; a token goes with a key that is lent."""

    key_id: str
    secret: str
    token: str | None
    region: str


def signed(
    method: str, url: str, headers: Mapping[str, str], *, sha256: str, signer: Signer, now: datetime
) -> dict[str, str]:
    """Return the headers with those that sign the request; `sha256` is the digest of its body.

    `url` has no query, and its path is quoted already.
    """
    at = now.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    split = urlsplit(url)
    host = split.netloc.removesuffix(_DEFAULT_PORTS.get(split.scheme, ""))
    full = {**headers, "Host": host, "X-Amz-Date": at, "X-Amz-Content-SHA256": sha256}
    if signer.token:
        full["X-Amz-Security-Token"] = signer.token
    lower = {name.lower(): value for name, value in full.items()}
    names = sorted(name for name in lower if name in _SIGNED or name.startswith("x-amz-"))
    lines = "".join(f"{name}:{lower[name]}\n" for name in names)
    request = f"{method}\n{split.path}\n\n{lines}\n{';'.join(names)}\n{sha256}"
    scope = f"{at[:8]}/{signer.region}/s3/aws4_request"
    to_sign = f"AWS4-HMAC-SHA256\n{at}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    signature = _mac(_key(signer.secret, at[:8], signer.region), to_sign).hex()
    full["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={signer.key_id}/{scope}, "
        f"SignedHeaders={';'.join(names)}, Signature={signature}"
    )
    return full


@lru_cache(maxsize=4)
def _key(secret: str, day: str, region: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for step in (day, region, "s3", "aws4_request"):
        key = _mac(key, step)
    return key


def _mac(key: bytes, words: str) -> bytes:
    return hmac.digest(key, words.encode(), "sha256")
