"""Once boto3 showed the way, requests go without its layers; whatever is amiss is asked by it again."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from postroom.errors import (
    BucketUnusable,
    ObjectCorrupt,
    ObjectMissing,
    StoreAccessRefused,
    StoreLoginRefused,
    StoreUnavailable,
    StoreUnreachable,
)
from postroom.storage.s3 import S3Store
from postroom.storage.s3_client import Patience
from tests.servers.certificates import make_certificates
from tests.servers.s3 import opened_store
from tests.servers.scripted_s3 import Answer, Request, ScriptedS3, head_of, refused, scripted

MAIL = b"Subject: hi\r\n\r\nhello\r\n"
DIGEST = hashlib.sha256(MAIL).hexdigest()
TWICE = Patience(connect_seconds=2, read_seconds=5, attempts=2)
SHOWN = (Answer(), head_of(MAIL))  # to the PUT and the HEAD by which boto3 shows the way
NO_DIGEST = Answer(promised=len(MAIL))

Shown = Callable[..., S3Store]


@pytest.fixture
def shown(tmp_path: Path) -> Shown:
    """Open the archive of a scripted service whose first two answers are SHOWN, and spend those."""

    def open_one(script: ScriptedS3, patience: Patience = TWICE, options: str = "") -> S3Store:
        store = opened_store(
            script.service.storage("archive", "mail", options), tmp_path / "drafts", patience
        )
        store.put("shown", MAIL)
        script.requests.clear()
        return store

    return open_one


def ways(service: ScriptedS3) -> list[str]:
    """Return the methods of what was asked, those by boto3 in small letters."""
    return [each.method.lower() if by_boto3(each) else each.method for each in service.requests]


def by_boto3(request: Request) -> bool:
    return "amz-sdk-invocation-id" in {name.lower() for name in request.headers}


# --- writing -------------------------------------------------------------------------------------


def test_an_object_is_sent_with_all_that_boto3_would_send_and_looked_at_afterwards(shown: Shown) -> None:
    with scripted(*SHOWN, Answer(), head_of(MAIL)) as service:
        shown(service, options="&sse=aws:kms&sse_key=k1").put("org/raw/x", MAIL)

    put, head = service.requests
    assert ways(service) == ["PUT", "HEAD"]
    assert (put.path, put.body) == ("/archive/mail/org/raw/x", MAIL)
    assert put.headers["Content-MD5"] == base64.b64encode(hashlib.md5(MAIL).digest()).decode()  # noqa: S324
    assert put.headers["If-None-Match"] == "*"
    assert put.headers["x-amz-meta-sha256"] == DIGEST
    assert put.headers["X-Amz-Content-SHA256"] == DIGEST
    assert put.headers["x-amz-server-side-encryption"] == "aws:kms"
    assert put.headers["x-amz-server-side-encryption-aws-kms-key-id"] == "k1"
    assert "postroom" in put.headers["User-Agent"]
    assert head.path == "/archive/mail/org/raw/x"


def test_an_object_without_a_byte_is_sent_as_any_other(shown: Shown) -> None:
    with scripted(*SHOWN, Answer(), head_of(b"")) as service:
        shown(service).put("x", b"")

    assert ways(service) == ["PUT", "HEAD"]
    assert (service.requests[0].headers["Content-Length"], service.requests[0].body) == ("0", b"")


def test_a_bucket_that_wants_tls_is_spoken_to_by_it(shown: Shown, tmp_path: Path) -> None:
    made = make_certificates(tmp_path)
    with scripted(*SHOWN, Answer(), head_of(MAIL), tls=made) as service:
        shown(service, options=f"&ca={made.ca}").put("x", MAIL)

    assert ways(service) == ["PUT", "HEAD"]


@pytest.mark.parametrize("trouble", [refused(503, "SlowDown"), refused(403, "ExpiredToken"), Answer(301)])
def test_what_stumbles_is_sent_again_by_boto3_which_shows_the_way_anew(shown: Shown, trouble: Answer) -> None:
    fine = (Answer(), head_of(MAIL))
    with scripted(*SHOWN, trouble, *fine, *fine) as service:
        store = shown(service)
        store.put("x", MAIL)
        store.put("y", MAIL)

    assert ways(service) == ["PUT", "put", "HEAD", "PUT", "HEAD"]


def test_a_service_in_trouble_is_an_outage_after_so_many_attempts_of_boto3(shown: Shown) -> None:
    with (
        scripted(*SHOWN, refused(503, "SlowDown")) as service,
        pytest.raises(StoreUnavailable, match="SlowDown"),
    ):
        shown(service).put("x", MAIL)

    assert ways(service) == ["PUT", "put", "put"]


def test_a_service_that_went_away_is_an_outage_of_the_network(shown: Shown) -> None:
    with scripted(*SHOWN) as service:
        store = shown(service)

    with pytest.raises(StoreUnreachable, match="cannot write x: "):
        store.put("x", MAIL)


def test_what_is_there_already_is_left_alone_when_it_is_the_same(shown: Shown) -> None:
    with scripted(*SHOWN, refused(412, "PreconditionFailed"), head_of(MAIL)) as service:
        shown(service).put("x", MAIL)

    assert ways(service) == ["PUT", "HEAD"]


@pytest.mark.parametrize(
    "found", [Answer(404), head_of(MAIL, size=3), head_of(MAIL, sha256="0" * 64), NO_DIGEST]
)
def test_what_is_there_and_is_another_is_written_over(shown: Shown, found: Answer) -> None:
    exists = refused(412, "PreconditionFailed")
    with scripted(*SHOWN, exists, found, Answer(), head_of(MAIL)) as service:
        shown(service).put("x", MAIL)

    assert ways(service) == ["PUT", "HEAD", "PUT", "HEAD"]
    assert "If-None-Match" not in service.requests[2].headers


@pytest.mark.parametrize(
    "found", [Answer(404), head_of(MAIL, size=3), head_of(MAIL, sha256="0" * 64), NO_DIGEST]
)
def test_an_object_that_is_not_there_as_it_was_sent_is_an_outage(shown: Shown, found: Answer) -> None:
    with (
        scripted(*SHOWN, Answer(), found) as service,
        pytest.raises(StoreUnavailable, match="as it was sent"),
    ):
        shown(service).put("x", MAIL)


def test_a_key_that_must_be_quoted_is_left_to_boto3(shown: Shown) -> None:
    with scripted(*SHOWN, Answer(), head_of(MAIL)) as service:
        shown(service).put("a name", MAIL)

    assert ways(service) == ["put", "head"]


# --- reading -------------------------------------------------------------------------------------


def read_whole(store: S3Store) -> bytes:
    return store.get("x", DIGEST)


def open_it(store: S3Store) -> bytes:
    with store.opened("x", DIGEST) as view:
        return bytes(view)


READERS = pytest.mark.parametrize("read", [read_whole, open_it])
Read = Callable[[S3Store], bytes]


@READERS
def test_an_object_is_read(shown: Shown, read: Read) -> None:
    with scripted(*SHOWN, Answer(body=MAIL)) as service:
        assert read(shown(service)) == MAIL

    assert ways(service) == ["GET"]
    assert service.requests[0].path == "/archive/mail/x"


@READERS
def test_other_bytes_are_a_loss_and_no_outage(shown: Shown, read: Read) -> None:
    with scripted(*SHOWN, Answer(body=MAIL + b"!")) as service, pytest.raises(ObjectCorrupt):
        read(shown(service))


@READERS
def test_a_body_that_breaks_off_is_an_outage(shown: Shown, read: Read) -> None:
    half = Answer(body=MAIL[:9], promised=len(MAIL))
    with scripted(*SHOWN, half) as service, pytest.raises(StoreUnavailable, match="cannot read x"):
        read(shown(service))


@READERS
def test_a_service_that_says_nothing_is_an_outage(shown: Shown, read: Read) -> None:
    hasty = Patience(connect_seconds=0.3, read_seconds=0.3, attempts=2)
    with scripted(*SHOWN, Answer(is_mute=True)) as service, pytest.raises(StoreUnavailable, match="timeout"):
        read(shown(service, hasty))

    assert ways(service) == ["GET", "get", "get"]


@READERS
@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        pytest.param(refused(404, "NoSuchKey"), ObjectMissing, id="no such key"),
        pytest.param(refused(404, "NoSuchBucket"), BucketUnusable, id="no such bucket"),
        pytest.param(refused(403, "AccessDenied"), StoreAccessRefused, id="no rights"),
        pytest.param(refused(403, "SignatureDoesNotMatch"), StoreLoginRefused, id="a wrong secret"),
        pytest.param(Answer(200, b"<html>Log in", promised=900), StoreUnavailable, id="a captive portal"),
    ],
)
def test_each_answer_has_its_verdict(
    shown: Shown, answer: Answer, verdict: type[Exception], read: Read
) -> None:
    with scripted(*SHOWN, answer) as service, pytest.raises(verdict) as raised:
        read(shown(service))

    assert raised.type is verdict
