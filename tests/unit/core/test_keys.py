"""Object keys: one folder per org, the digest as the name, and nothing from a mail."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.core.keys import document_key, quarantine_key, raw_key

ACME = UUID("018f0000-0000-7000-8000-00000000000a")
DIGEST = "ab" * 32


def test_an_object_lies_below_its_org() -> None:
    assert raw_key(ACME, DIGEST) == f"018f0000-0000-7000-8000-00000000000a/raw/ab/{DIGEST}"
    assert document_key(ACME, DIGEST) == f"018f0000-0000-7000-8000-00000000000a/doc/ab/{DIGEST}"


def test_a_mail_without_an_org_lies_apart() -> None:
    assert quarantine_key(DIGEST) == f"_quarantine/raw/ab/{DIGEST}"


@pytest.mark.parametrize(
    "name", ["", "AB" * 32, "ab" * 31, "ab" * 32 + "\n", "../" + "a" * 61, "sha256:" + "a" * 57]
)
def test_only_a_hex_digest_becomes_a_key(name: str) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        raw_key(ACME, name)


@given(st.text())
def test_no_text_from_a_mail_becomes_a_path(name: str) -> None:
    with pytest.raises(ValueError, match="SHA-256"):
        quarantine_key(name)
