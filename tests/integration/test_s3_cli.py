"""The commands with an archive in S3: each step of `check --connect`, and a mail there and back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.servers.certificates import make_certificates
from tests.servers.rgw import Rgw
from tests.servers.s3 import S3Service
from tests.servers.scripted_s3 import Answer, refused, scripted
from tests.unit.cli.words import Terminal

STEPS = ["DNS", "TCP", "TLS", "key", "bucket", "probe", "versions", "encrypt"]
MAIL = b"Received: by mx\r\nSubject: hi\r\nMessage-ID: <1@x>\r\n\r\nhello\r\n"


@pytest.fixture
def terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(tmp_path, monkeypatch, capsys)


@pytest.fixture(params=["moto", pytest.param("rgw", marks=pytest.mark.rgw)])
def service(request: pytest.FixtureRequest) -> S3Service:
    server = request.getfixturevalue(request.param)
    return server.service if isinstance(server, Rgw) else server


def configured(terminal: Terminal, service: S3Service, bucket: str, options: str = "") -> None:
    terminal.write(
        f'[storage]\nurl = "s3://{bucket}/mail?endpoint={service.endpoint}{options}"\n'
        f'access_key = "{service.access_key}"\nsecret_key = "{service.secret_key}"\n'
    )


def archive_steps(out: str) -> list[list[str]]:
    shown = out.partition("\narchive: ")[2].splitlines()
    return [line.split()[:2] for line in shown if line.startswith((" ok ", " FAIL "))]


def test_an_archive_that_works_is_ok_at_every_step(terminal: Terminal, service: S3Service) -> None:
    bucket = service.fresh_bucket()
    configured(terminal, service, bucket)

    answer = terminal.call("check", "--connect")

    assert answer.code == 0
    assert archive_steps(answer.out) == [["ok", step] for step in STEPS]
    assert " ok   key      AKIATEST, from storage.access_key\n" in answer.out
    assert " ok   versions off\n" in answer.out
    assert " ok   encrypt  none by default\n" in answer.out
    assert service.secret_key not in answer.out
    assert service.keys(bucket) == []


def test_versions_and_encryption_are_said(terminal: Terminal, moto: S3Service) -> None:
    bucket, client = moto.fresh_bucket(), moto.client()
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    client.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    configured(terminal, moto, bucket)

    answer = terminal.call("check", "--connect")

    assert " ok   versions on\n" in answer.out
    assert " ok   encrypt  AES256 by the bucket's default\n" in answer.out


def test_a_bucket_that_is_not_there_fails_at_that_step(terminal: Terminal, service: S3Service) -> None:
    configured(terminal, service, "nobody-made-it")

    answer = terminal.call("check", "--connect")

    assert answer.code == 78
    assert archive_steps(answer.out)[-2:] == [["ok", "key"], ["FAIL", "bucket"]]
    assert "[E-STORE-BUCKET]\n      Fix: make the bucket, or correct `storage.url`" in answer.out


@pytest.mark.rgw
def test_a_wrong_secret_fails_at_the_key(terminal: Terminal, rgw: Rgw) -> None:
    bucket = rgw.service.fresh_bucket()
    configured(terminal, S3Service(rgw.service.endpoint, secret_key="not the secret"), bucket)

    answer = terminal.call("check", "--connect")

    assert answer.code == 77
    assert archive_steps(answer.out)[-1] == ["FAIL", "key"]
    assert "SignatureDoesNotMatch  [E-STORE-AUTH]\n" in answer.out
    assert "not the secret" not in answer.out + answer.err


@pytest.mark.rgw
def test_a_key_without_rights_fails_at_the_bucket(terminal: Terminal, rgw: Rgw) -> None:
    bucket, guest = rgw.service.fresh_bucket(), S3Service(rgw.service.endpoint, "AKIAGUEST", "guestsecret")
    rgw.make_user("guest", guest)
    configured(terminal, guest, bucket)

    answer = terminal.call("check", "--connect")

    assert answer.code == 77
    assert archive_steps(answer.out)[-2:] == [["ok", "key"], ["FAIL", "bucket"]]
    assert "[E-STORE-ACCESS]" in answer.out


def test_a_key_that_may_read_only_fails_at_the_probe(terminal: Terminal) -> None:
    listing = Answer(body=b"<ListBucketResult></ListBucketResult>")
    with scripted(listing, listing, refused(403, "AccessDenied")) as script:
        configured(terminal, script.service, "archive")
        answer = terminal.call("check", "--connect")

    assert answer.code == 77
    assert archive_steps(answer.out)[-2:] == [["ok", "bucket"], ["FAIL", "probe"]]


@pytest.mark.parametrize(
    ("endpoint", "step"),
    [
        pytest.param("https://nowhere.invalid", "DNS", id="no such name"),
        pytest.param("https://127.0.0.1:1", "TCP", id="nobody listens"),
    ],
)
def test_a_service_that_is_not_there_fails_at_its_step(terminal: Terminal, endpoint: str, step: str) -> None:
    configured(terminal, S3Service(endpoint), "archive")

    answer = terminal.call("check", "--connect")

    assert answer.code == 69
    assert archive_steps(answer.out)[-1] == ["FAIL", step]
    assert "[E-STORE-NET]\n      Fix: correct `endpoint` in storage.url" in answer.out


def test_a_service_without_tls_fails_at_that_step(terminal: Terminal, moto: S3Service) -> None:
    configured(terminal, S3Service(moto.endpoint.replace("http:", "https:")), "archive")

    answer = terminal.call("check", "--connect")

    assert answer.code == 69
    assert archive_steps(answer.out)[-2:] == [["ok", "TCP"], ["FAIL", "TLS"]]


def test_a_certificate_of_an_own_ca_is_taken_where_it_is_named(
    terminal: Terminal, tmp_path_factory: pytest.TempPathFactory
) -> None:
    made = make_certificates(tmp_path_factory.mktemp("tls"))
    with scripted(refused(404, "NoSuchBucket"), tls=made) as script:
        configured(terminal, script.service, "archive", f"&ca={made.ca}")
        known = terminal.call("check", "--connect")
        configured(terminal, script.service, "archive")
        unknown = terminal.call("check", "--connect")

    assert archive_steps(known.out)[-2:] == [["ok", "key"], ["FAIL", "bucket"]]
    assert " ok   TLS      TLS 1.3, certificate valid\n" in known.out
    assert (unknown.code, archive_steps(unknown.out)[-1]) == (69, ["FAIL", "TLS"])


def test_a_mail_goes_into_the_bucket_and_comes_back(
    terminal: Terminal, service: S3Service, tmp_path: Path
) -> None:
    configured(terminal, service, service.fresh_bucket())
    (tmp_path / "mail.eml").write_bytes(MAIL)
    terminal.call("org", "add", "acme")

    taken = terminal.call("ingest", str(tmp_path / "mail.eml"), "--to", "orders+acme@in.example")
    message = json.loads(terminal.call("messages", "--json").out)
    back = terminal.call("messages", "--raw", message["id"], "-o", str(tmp_path / "back.eml"))

    assert (taken.code, back.code) == (0, 0)
    assert (tmp_path / "back.eml").read_bytes() == MAIL
    assert '"storage": "ok"' in terminal.call("status", "--json").out


def test_a_mail_is_not_lost_when_the_bucket_is_not_there(
    terminal: Terminal, moto: S3Service, tmp_path: Path
) -> None:
    configured(terminal, moto, "nobody-made-it")
    (tmp_path / "mail.eml").write_bytes(MAIL)
    terminal.call("org", "add", "acme")

    taken = terminal.call("ingest", str(tmp_path / "mail.eml"), "--to", "orders+acme@in.example")
    status = terminal.call("status", "--json")

    assert taken.code == 78
    assert "NoSuchBucket" in taken.out + taken.err
    assert "NoSuchBucket" in status.out
    assert (tmp_path / "mail.eml").exists()
