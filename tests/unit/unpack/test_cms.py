"""S/MIME with its content within: the content comes out; what only signs or encrypts stays as it is."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from postroom.core.sniff import sniff
from tests.containers import enveloped, signed
from tests.unit.unpack.opening import opened

ENTITY = b"Content-Type: text/plain\r\nMIME-Version: 1.0\r\n\r\nHello\r\n"
INVOICE = b"<?xml version='1.0'?><FatturaElettronica/>"


@pytest.mark.parametrize(
    "options",
    [
        pytest.param(("-nodetach",), id="DER"),
        pytest.param(("-nodetach", "-stream"), id="BER of indefinite length, in pieces"),
        pytest.param(("-nodetach", "-nocerts", "-nosmimecap", "-noattr"), id="bare"),
    ],
)
@pytest.mark.parametrize("content", [ENTITY, ENTITY + b"\x00\xff" * 50_000], ids=["small", "large"])
def test_the_signed_entity_comes_out_byte_for_byte(
    tmp_path: Path, content: bytes, options: tuple[str, ...]
) -> None:
    packed = signed(tmp_path, content, *options)

    found = opened(tmp_path, "signed", packed, name="smime.p7m")

    (inner,) = found.answer.inner
    assert sniff(packed) == "application/pkcs7-mime; smime-type=signed-data"
    assert inner.is_entity
    assert inner.file.read_bytes() == content
    assert found.answer.reason == ""


def test_a_signed_file_gets_its_name_without_the_suffix(tmp_path: Path) -> None:
    found = opened(tmp_path, "signed", signed(tmp_path, INVOICE), name="IT01234567890_1.xml.p7m")

    assert found.files == [("IT01234567890_1.xml", INVOICE)]
    assert not found.answer.inner[0].is_entity


def test_armour_is_taken_off(tmp_path: Path) -> None:
    body = base64.encodebytes(signed(tmp_path, ENTITY))
    armoured = b"-----BEGIN PKCS7-----\n" + body + b"-----END PKCS7-----\n"

    found = opened(tmp_path, "signed", armoured)

    assert [content for _, content in found.files] == [ENTITY]


def test_a_signature_without_its_content_stays_as_it_is(tmp_path: Path) -> None:
    found = opened(tmp_path, "signed", signed(tmp_path, ENTITY, "-md", "sha256"))

    assert found.files == []
    assert (found.answer.reason, found.answer.defects) == ("not unpacked", ("no signed content in it",))


def test_what_is_encrypted_is_known_by_its_bytes(tmp_path: Path) -> None:
    packed = enveloped(tmp_path, ENTITY)

    found = opened(tmp_path, "signed", packed)

    assert sniff(packed) == "application/pkcs7-mime; smime-type=enveloped-data"
    assert (found.files, found.answer.reason) == ([], "not unpacked")


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param(b"\x30\x80" * 50_000, id="nested without end"),
        pytest.param(
            b"\x30\x84\xff\xff\xff\xff" + b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", id="a lie"
        ),
        pytest.param(b"", id="nothing"),
        pytest.param(b"-----BEGIN PKCS7-----\n!!!\n", id="half an armour"),
    ],
)
def test_hostile_bytes_are_an_answer_and_no_error(tmp_path: Path, hostile: bytes) -> None:
    found = opened(tmp_path, "signed", hostile)

    assert (found.files, found.answer.reason) == ([], "not unpacked")
