"""The archive in the configuration: a folder or a bucket, and every way to get it wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroom.config.archive import read_bucket
from postroom.config.load import load
from postroom.config.settings import Addressing, Bucket
from postroom.config.values import ValueFault
from tests.unit.config.desk import Desk

BUCKET = "[storage]\nurl = 's3://archive'\n"


@pytest.mark.parametrize(
    ("url", "bucket"),
    [
        pytest.param("s3://archive", Bucket("archive", ""), id="amazon"),
        pytest.param("s3://archive/", Bucket("archive", ""), id="a slash says nothing"),
        pytest.param(
            "s3://intake-archive/mail/prod?endpoint=https://minio.example.com:9000/",
            Bucket("intake-archive", "mail/prod", endpoint="https://minio.example.com:9000"),
            id="an endpoint",
        ),
        pytest.param(
            "s3://a.b.c?region=eu-central-1&addressing=virtual&sse=aws:kms&sse_key=alias/post&ca=/etc/ca.pem",
            Bucket(
                "a.b.c",
                "",
                None,
                "eu-central-1",
                Addressing.VIRTUAL,
                "aws:kms",
                "alias/post",
                Path("/etc/ca.pem"),
            ),
            id="every option",
        ),
        pytest.param(
            "s3://archive?endpoint=https%3A%2F%2Fs3.example.com",
            Bucket("archive", "", endpoint="https://s3.example.com"),
            id="an option with %-escapes",
        ),
    ],
)
def test_an_s3_url_names_a_bucket(url: str, bucket: Bucket) -> None:
    assert read_bucket(url) == bucket


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("s3://", '"" is no bucket name'),
        ("s3://Archive", '"Archive" is no bucket name'),
        ("s3://AKIA:secret@archive", "must not hold a key or a secret"),
        ("s3://archive/a//b", "has a prefix that makes no safe key"),
        ("s3://archive/a b", "has a prefix that makes no safe key"),
        ("s3://archive#x", "has a prefix that makes no safe key"),
        ("s3://[archive", "is no URL"),
        ("s3://archive?endpoint", "must have name=value"),
        ("s3://archive?endpoint=", "endpoint has no value"),
        ("s3://archive?region=a&region=b", "has an option twice"),
        ("s3://archive?colour=a", '"colour" is no option of an s3 URL'),
        ("s3://archive?region=eu_1", "region=eu_1 is no region"),
        ("s3://archive?endpoint=minio:9000", "endpoint=minio:9000 is no address"),
        ("s3://archive?endpoint=https://u:p@minio", "endpoint=https://u:p@minio is no address"),
        ("s3://archive?endpoint=https://minio/s3", "endpoint=https://minio/s3 is no address"),
        ("s3://archive?endpoint=https://minio:99999", "endpoint=https://minio:99999 is no address"),
        ("s3://archive?addressing=host", "addressing=host is not known"),
        ("s3://archive?sse=des", "sse=des is not known"),
        ("s3://archive?sse=AES256&sse_key=k", "sse_key goes with sse=aws:kms only"),
        ("s3://archive?ca=ca.pem", "ca=ca.pem is no absolute path"),
    ],
)
def test_what_names_no_bucket_is_said(url: str, words: str) -> None:
    with pytest.raises(ValueFault) as fault:
        read_bucket(url)

    assert fault.value.message.startswith(words)


def test_the_keys_are_secrets(desk: Desk) -> None:
    loaded = desk.load(
        BUCKET + "access_key = 'AKIAEXAMPLE'\nsecret_key = 'hush'\nsession_token = 't'", secrets=True
    )

    found = loaded.settings.storage
    assert [key and key.reveal() for key in (found.access_key, found.secret_key, found.session_token)] == [
        "AKIAEXAMPLE",
        "hush",
        "t",
    ]
    assert loaded.shown["storage.secret_key"] == '"********"'


def test_without_keys_they_are_looked_for_elsewhere(desk: Desk) -> None:
    found = desk.load(BUCKET, secrets=True).settings.storage

    assert (found.access_key, found.secret_key, found.bucket) == (None, None, Bucket("archive", ""))


def test_what_postroom_keeps_can_be_opened_without_fetching_the_secrets_of_mailboxes(desk: Desk) -> None:
    mailbox = "[org.acme]\n[mailbox.m]\norg = 'acme'\nhost = 'h'\nuser = 'u'\npassword = { file = 'x' }\n"
    desk.write(mailbox + BUCKET + "access_key = 'a'\nsecret_key = { env = 'HUSH' }")

    loaded = load(
        None, environ={"HUSH": "hush"}, cwd=desk.folder, home=desk.home, is_root=False, secrets="own"
    )

    assert loaded.settings.storage.secret_key is not None
    assert loaded.settings.storage.secret_key.reveal() == "hush"
    assert loaded.settings.mailbox["m"].password is None


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("access_key = 'a'", "3: storage.access_key: stands without secret_key; "),
        ("secret_key = 'a'", "3: storage.secret_key: stands without access_key; "),
        ("session_token = 'a'", "3: storage.session_token: stands without access_key; "),
    ],
)
def test_half_a_pair_of_keys_is_a_fault(desk: Desk, keys: str, words: str) -> None:
    (fault,) = desk.faults(BUCKET + keys)

    assert words in fault


def test_a_fault_of_the_url_is_said_with_its_line(desk: Desk) -> None:
    (fault,) = desk.faults("[storage]\nurl = 's3://archive?end_point=https://x'")

    assert fault.endswith('2: storage.url: "end_point" is no option of an s3 URL; did you mean "endpoint"?')


def test_an_archive_over_plain_http_is_warned_of_but_on_this_machine(desk: Desk) -> None:
    far = desk.load("[storage]\nurl = 's3://archive?endpoint=http://minio:9000'").warnings
    near = desk.load("[storage]\nurl = 's3://archive?endpoint=http://127.0.0.1:9000'").warnings

    assert [warning.partition(": ")[2] for warning in far] == [
        "storage.url: the mails travel to the archive and back without encryption: http"
    ]
    assert near == ()


def test_keys_of_a_folder_are_warned_of(desk: Desk) -> None:
    warnings = desk.load("[storage]\naccess_key = 'a'").warnings

    assert any("storage.access_key: is not used: the archive is a folder" in line for line in warnings)
