"""Media types, and which of them deny each other."""

from __future__ import annotations

import pytest

from postroom.core.media import denies, essence

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@pytest.mark.parametrize(
    ("declared", "sniffed"),
    [
        ("application/pdf", "text/html"),
        ("application/pdf", "application/zip"),
        ("application/pdf", "text/plain"),
        ("image/png", "image/jpeg"),
        ("text/plain", "application/pdf; profile=zugferd"),
        ("application/vnd.ms-excel", XLSX),
        ("application/vnd.ms-excel", "text/csv"),
        (XLSX, "text/plain"),
        ("text/csv", "text/html"),
    ],
)
def test_bytes_deny_what_they_surely_are_not(declared: str, sniffed: str) -> None:
    assert denies(declared, sniffed)


@pytest.mark.parametrize(
    ("declared", "sniffed"),
    [
        ("application/pdf", "application/pdf; profile=zugferd"),
        ("application/octet-stream", "application/pdf"),
        ("application/pdf", "application/octet-stream"),
        ("image/jpg", "image/jpeg"),
        ("text/csv", "text/plain"),
        ("text/plain", "text/csv"),
        ("application/json", "text/plain"),
        ("application/java-archive", "application/zip"),
        ("application/vnd.ms-project", "application/x-ole-storage"),
        ("text/xml", "application/xml; profile=ubl-invoice"),
        ("image/svg+xml", "application/xml"),
        ("application/x-pkcs7-mime", "application/pkcs7-mime; smime-type=signed-data"),
        ("application/pkcs7-signature", "application/pkcs7-mime; smime-type=signed-data"),
        ("message/rfc822", "text/html"),
    ],
)
def test_bytes_do_not_deny_what_they_may_well_be(declared: str, sniffed: str) -> None:
    assert not denies(declared, sniffed)


def test_the_essence_is_without_parameters_and_case() -> None:
    assert essence("Text/Plain ; charset=utf-8") == "text/plain"
