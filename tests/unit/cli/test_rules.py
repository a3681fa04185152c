"""Rules and containers before a terminal: what the configuration says is what becomes documents."""

from __future__ import annotations

import base64
import io
import zipfile
from pathlib import Path

import pytest

from postroom import maildir
from tests.containers import signed
from tests.unit.cli.room import CONFIG, Room

RULES = (
    CONFIG
    + """
[documents]
skip_names = ["*.vcf"]
[limits]
unpack = "zip"
[org.beta.documents]
body = ["text"]
[maildir.intake.documents]
min_size = "5B"
"""
)


def mail(number: int, tag: str, **files: bytes) -> bytes:
    """Return a mail with a text and these files; an underscore in a name is a dot."""
    parts = "".join(
        f"\n--b\nContent-Type: application/octet-stream\nContent-Disposition: attachment; "
        f'filename="{name.replace("_", ".")}"\nContent-Transfer-Encoding: base64\n\n'
        f"{base64.encodebytes(content).decode()}"
        for name, content in files.items()
    )
    return (
        f"Delivered-To: orders+{tag}@in.example\nReceived: by mx\nFrom: a@b.example\nSubject: s\n"
        f"Message-ID: <{number}@b.example>\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n"
        f"--b\nContent-Type: text/plain\n\nhello{parts}\n--b--\n"
    ).encode()


def zipped(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("_", "."), content)
    return out.getvalue()


@pytest.fixture
def ruled(room: Room) -> Room:
    room.path("postroom.toml").write_text(RULES, encoding="utf-8")
    return room


def test_the_rules_of_org_and_source_decide_what_becomes_a_document(ruled: Room) -> None:
    for raw in (
        mail(1, "acme", a_pdf=b"%PDF-1.7", b_vcf=b"BEGIN:VCARD", tiny_txt=b"1234"),
        mail(2, "acme"),
        mail(3, "beta"),
    ):
        maildir.deliver(ruled.maildir, raw)

    ruled.fetch()

    found = [(row["org"], row["filename"]) for row in ruled.rows("documents")]
    assert sorted(found) == [("acme", "a.pdf"), ("beta", "unnamed-1.txt")]


def test_a_zip_is_opened_where_it_is_asked_for(ruled: Room) -> None:
    packed = zipped(a_csv=b"a;b;c\n1;2;3\n", deep_zip=zipped(b_pdf=b"%PDF-1.7"))
    maildir.deliver(ruled.maildir, mail(1, "acme", all_zip=packed))

    ruled.fetch()

    found = [(row["part"], row["filename"], row["sniffed"]) for row in ruled.rows("documents")]
    assert sorted(found) == [
        ("2.1", "a.csv", "text/csv"),
        ("2.2.1", "b.pdf", "application/pdf"),
    ]


def test_inspect_judges_by_the_rules_it_is_told(ruled: Room) -> None:
    ruled.path("a.eml").write_bytes(mail(1, "beta", tiny_txt=b"1234"))
    asked = ("-c", "postroom.toml", "inspect", "a.eml")

    plain, both = ruled.rows(*asked), ruled.rows(*asked, "--org", "beta", "--source", "intake")

    assert [(part["path"], part["kept"], part["reason"]) for part in plain[0]["parts"]] == [
        ("0", False, "container"),
        ("1", False, "text body"),
        ("2", True, "attachment"),
    ]
    assert [(part["path"], part["kept"], part["reason"]) for part in both[0]["parts"]] == [
        ("0", False, "container"),
        ("1", True, "text body"),
        ("2", False, "too small"),
    ]


def test_inspect_opens_signed_mail_without_a_configuration(room: Room, tmp_path: Path) -> None:
    entity = mail(1, "acme", a_pdf=b"%PDF-1.7").partition(b"\nMIME-Version: 1.0\n")[2]
    packed = base64.encodebytes(signed(tmp_path, entity)).decode()
    head = "Subject: s\nMIME-Version: 1.0\nContent-Type: application/pkcs7-mime; name=smime.p7m\n"
    room.path("a.eml").write_text(f"{head}Content-Transfer-Encoding: base64\n\n{packed}")

    (found,) = room.rows("inspect", "a.eml")

    assert [(part["filename"], part["reason"]) for part in found["parts"] if part["kept"]] == [
        ("a.pdf", "attachment")
    ]
    assert all(part["sha256"] for part in found["parts"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("inspect", "--org", "acme", "a.eml"), "--org and --source need a configuration"),
        (("-c", "postroom.toml", "inspect", "--source", "nope", "a.eml"), "there is no source nope"),
    ],
)
def test_a_rule_that_cannot_be_found_is_a_fault_of_the_command(
    ruled: Room, words: tuple[str, ...], said: str
) -> None:
    answer = ruled.call(*words)

    assert answer.code == 64
    assert said in answer.err
