"""What signs a request here is what botocore's own signer makes of it."""

from __future__ import annotations

from datetime import datetime
from urllib.parse import quote

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from postroom.storage.s3_signature import NOTHING, Signer, signed

HELLO = b"hello"
HELLO_SHA256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
PUT_HEADERS = {
    "User-Agent": "postroom",
    "Content-MD5": "XUFAKrxLKna5cZ2REBfFkg==",
    "If-None-Match": "*",
    "x-amz-meta-sha256": HELLO_SHA256,
    "x-amz-server-side-encryption": "aws:kms",
}


@pytest.mark.parametrize(
    ("method", "headers", "body", "sha256"),
    [
        pytest.param("PUT", PUT_HEADERS, HELLO, HELLO_SHA256, id="written"),
        pytest.param("HEAD", {}, b"", NOTHING, id="looked at"),
        pytest.param("GET", {"User-Agent": "postroom"}, b"", NOTHING, id="read"),
    ],
)
@pytest.mark.parametrize(
    "place",
    [
        "http://127.0.0.1:7480/archive/mail/",
        "https://archive.s3.eu-central-1.amazonaws.com/",
        "https://s3.example.com:443/archive/",
        "http://s3.example.com:80/archive/" + quote("post räume") + "/",
    ],
)
@pytest.mark.parametrize("token", [None, "lent"])
def test_a_request_is_signed_as_botocore_signs_it(
    method: str, headers: dict[str, str], body: bytes, sha256: str, place: str, token: str | None
) -> None:
    url = f"{place}org/raw/2c/{HELLO_SHA256}"
    theirs = AWSRequest(method, url, headers, body)
    S3SigV4Auth(Credentials("AKIATEST", "secretsecret", token), "s3", "eu-central-1").add_auth(theirs)
    now = datetime.strptime(theirs.headers["X-Amz-Date"] + "+0000", "%Y%m%dT%H%M%SZ%z")

    signer = Signer("AKIATEST", "secretsecret", token, "eu-central-1")
    ours = signed(method, url, headers, sha256=sha256, signer=signer, now=now)

    assert ours["Authorization"] == theirs.headers["Authorization"]
    assert ours["X-Amz-Content-SHA256"] == theirs.headers["X-Amz-Content-SHA256"] == sha256
    assert ours["X-Amz-Date"] == theirs.headers["X-Amz-Date"]
    assert ours.get("X-Amz-Security-Token") == token
