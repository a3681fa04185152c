"""What the S3 store makes of a service's trouble: an outage or a loss, and never a half-written object."""

from __future__ import annotations

import base64
import hashlib
import io
import json
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
from tests.servers.s3 import S3Service, opened_store
from tests.servers.scripted_s3 import Answer, ScriptedS3, head_of, refused, scripted
from tests.servers.waiting import free_port

MAIL = b"Subject: hi\r\n\r\nhello\r\n"
DIGEST = hashlib.sha256(MAIL).hexdigest()
BIG = bytes(6 * 2**20)
TWICE = Patience(connect_seconds=2, read_seconds=5, attempts=2)
STARTED = Answer(
    body=b"<InitiateMultipartUploadResult><UploadId>u1</UploadId></InitiateMultipartUploadResult>",
    headers={"Content-Type": "application/xml"},
)


@pytest.fixture
def to(tmp_path: Path) -> Callable[..., S3Store]:
    """Open the archive of a scripted service."""

    def open_one(script: ScriptedS3, patience: Patience = TWICE, options: str = "") -> S3Store:
        return opened_store(script.service.storage("archive", "mail", options), tmp_path / "drafts", patience)

    return open_one


To = Callable[..., S3Store]


# --- writing -------------------------------------------------------------------------------------


def test_an_object_is_sent_with_its_md5_only_where_none_is_and_looked_at_afterwards(to: To) -> None:
    with scripted(Answer(), head_of(MAIL)) as service:
        to(service, options="&sse=AES256").put("org/raw/x", MAIL)

    put, head = service.requests
    assert (put.method, put.path, put.body) == ("PUT", "/archive/mail/org/raw/x", MAIL)
    assert put.headers["Content-MD5"] == base64.b64encode(hashlib.md5(MAIL).digest()).decode()  # noqa: S324
    assert put.headers["If-None-Match"] == "*"
    assert put.headers["x-amz-meta-sha256"] == DIGEST
    assert put.headers["x-amz-server-side-encryption"] == "AES256"
    assert (head.method, head.path) == ("HEAD", "/archive/mail/org/raw/x")


def test_no_encryption_is_asked_for_where_the_bucket_decides(to: To) -> None:
    with scripted(Answer(), head_of(MAIL)) as service:
        to(service).put("x", MAIL)

    assert [name for name in service.requests[0].headers if "encryption" in name] == []


def test_a_service_that_stumbles_is_tried_again(to: To) -> None:
    with scripted(refused(503, "SlowDown"), Answer(), head_of(MAIL)) as service:
        to(service).put("x", MAIL)

    assert service.methods() == ["PUT", "PUT", "HEAD"]


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_service_that_stays_in_trouble_is_an_outage_after_so_many_attempts(to: To, status: int) -> None:
    with scripted(refused(status, "InternalError")) as service, pytest.raises(StoreUnavailable) as outage:
        to(service).put("org/raw/x", MAIL)

    assert service.methods() == ["PUT", "PUT"]
    assert str(outage.value).startswith("cannot write org/raw/x in the bucket archive: the S3 service said ")


@pytest.mark.parametrize(
    "answer", [refused(412, "PreconditionFailed"), Answer(304), refused(409, "ConditionalRequestConflict")]
)
def test_what_is_there_already_is_left_alone_when_it_is_the_same(to: To, answer: Answer) -> None:
    with scripted(answer, head_of(MAIL)) as service:
        to(service).put("x", MAIL)

    assert service.methods() == ["PUT", "HEAD"]


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(Answer(404), id="nothing is there after all"),
        pytest.param(head_of(MAIL, size=3), id="another size"),
        pytest.param(head_of(MAIL, sha256="0" * 64), id="another digest"),
        pytest.param(Answer(promised=len(MAIL)), id="no digest"),
    ],
)
def test_what_is_there_and_is_another_is_written_over(to: To, found: Answer) -> None:
    with scripted(refused(412, "PreconditionFailed"), found, Answer(), head_of(MAIL)) as service:
        to(service).put("x", MAIL)

    assert service.methods() == ["PUT", "HEAD", "PUT", "HEAD"]
    assert "If-None-Match" not in service.requests[2].headers


def test_a_service_that_knows_no_condition_is_asked_without(to: To) -> None:
    with scripted(refused(501, "NotImplemented"), Answer(404), Answer(), head_of(MAIL)) as service:
        to(service).put("x", MAIL)

    assert service.methods() == ["PUT", "HEAD", "PUT", "HEAD"]


@pytest.mark.parametrize(
    "found", [Answer(404), head_of(MAIL, size=3), head_of(MAIL, sha256="0" * 64), Answer(promised=len(MAIL))]
)
def test_an_object_that_is_not_there_as_it_was_sent_is_an_outage(to: To, found: Answer) -> None:
    with scripted(Answer(), found) as service, pytest.raises(StoreUnavailable, match="as it was sent"):
        to(service).put("x", MAIL)


def test_parts_are_forgotten_when_one_of_them_fails(to: To) -> None:
    failing = (Answer(404), STARTED, Answer(headers={"ETag": '"1"'}), refused(400, "BadDigest"), Answer(204))
    with scripted(*failing) as service, pytest.raises(StoreUnavailable, match="BadDigest"):
        to(service).put("x", BIG)

    assert service.methods() == ["HEAD", "POST", "PUT", "PUT", "DELETE"]
    assert service.requests[-1].path == "/archive/mail/x?uploadId=u1"
    assert all(part.headers["Content-MD5"] for part in service.requests[2:4])


def test_parts_that_cannot_be_forgotten_are_said(to: To, log: io.StringIO) -> None:
    failing = (Answer(404), STARTED, refused(400, "BadDigest"), refused(403, "AccessDenied"))
    with scripted(*failing) as service, pytest.raises(StoreUnavailable, match="BadDigest"):
        to(service).put("x", BIG)

    (said,) = [json.loads(line) for line in log.getvalue().splitlines() if "unfinished" in line]
    assert (said["event"], said["upload"], said["key"]) == ("upload left unfinished", "u1", "mail/x")


def test_a_big_object_that_is_there_already_is_not_sent_again(to: To) -> None:
    with scripted(head_of(BIG)) as service:
        to(service).put("x", BIG)

    assert service.methods() == ["HEAD"]


# --- reading -------------------------------------------------------------------------------------


def read_whole(store: S3Store) -> None:
    store.get("x", DIGEST)


def open_it(store: S3Store) -> None:
    with store.opened("x", DIGEST):
        pass


READERS = pytest.mark.parametrize("read", [read_whole, open_it])


@READERS
def test_a_body_that_breaks_off_is_an_outage(to: To, tmp_path: Path, read: Callable[[S3Store], None]) -> None:
    half = Answer(body=MAIL[:9], promised=len(MAIL))

    with scripted(half) as service, pytest.raises(StoreUnavailable, match="cannot read x"):
        read(to(service))

    assert list(tmp_path.glob("drafts/*")) == []


@READERS
def test_a_service_that_says_nothing_is_an_outage(to: To, read: Callable[[S3Store], None]) -> None:
    hasty = Patience(connect_seconds=0.2, read_seconds=0.2, attempts=2)

    with scripted(Answer(is_mute=True)) as service, pytest.raises(StoreUnavailable, match="timeout"):
        read(to(service, hasty))

    assert service.methods() == ["GET", "GET"]


@READERS
def test_other_bytes_are_a_loss_and_no_outage(to: To, read: Callable[[S3Store], None]) -> None:
    with scripted(Answer(body=MAIL + b"!")) as service, pytest.raises(ObjectCorrupt, match="recorded: x"):
        read(to(service))


@READERS
@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        pytest.param(refused(404, "NoSuchKey"), ObjectMissing, id="no such key"),
        pytest.param(refused(404, "NoSuchBucket"), BucketUnusable, id="no such bucket"),
        pytest.param(Answer(404, b"<html>Not Found"), StoreUnavailable, id="a proxy knows nothing of it"),
        pytest.param(refused(301, "PermanentRedirect"), BucketUnusable, id="another region"),
        pytest.param(refused(403, "AccessDenied"), StoreAccessRefused, id="no rights"),
        pytest.param(refused(403, "InvalidAccessKeyId"), StoreLoginRefused, id="no such key id"),
        pytest.param(refused(403, "SignatureDoesNotMatch"), StoreLoginRefused, id="a wrong secret"),
        pytest.param(refused(400, "ExpiredToken"), StoreLoginRefused, id="a token that ran out"),
        pytest.param(refused(403, "RequestTimeTooSkewed"), StoreLoginRefused, id="a clock that is wrong"),
        pytest.param(refused(418, "Teapot"), StoreUnavailable, id="what nobody knows"),
        pytest.param(Answer(200, b"<html>Log in", promised=900), StoreUnavailable, id="a captive portal"),
    ],
)
def test_each_answer_has_its_verdict(
    to: To, answer: Answer, verdict: type[Exception], read: Callable[[S3Store], None]
) -> None:
    with scripted(answer) as service, pytest.raises(verdict) as raised:
        read(to(service))

    assert raised.type is verdict


# --- getting there -------------------------------------------------------------------------------


def test_a_service_that_is_not_there_is_an_outage_of_the_network(tmp_path: Path) -> None:
    nobody = S3Service(f"http://127.0.0.1:{free_port()}")
    store = opened_store(nobody.storage("archive"), tmp_path / "drafts", TWICE)

    with pytest.raises(StoreUnreachable, match="cannot write x: "):
        store.put("x", MAIL)


def test_without_any_key_the_login_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    keyless = S3Service("http://127.0.0.1:9", access_key="", secret_key="")
    store = opened_store(keyless.storage("archive"), tmp_path / "drafts", TWICE)

    with pytest.raises(StoreLoginRefused, match="no key for the S3 service"):
        store.put("x", MAIL)


def test_a_state_dir_without_room_is_an_outage(to: To, tmp_path: Path) -> None:
    (tmp_path / "drafts").write_text("in the way")

    with (
        scripted(Answer(body=BIG)) as service,
        pytest.raises(StoreUnavailable, match="objects are on their way"),
    ):
        open_it(to(service))
