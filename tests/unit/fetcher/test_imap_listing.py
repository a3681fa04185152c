"""What tells two copies apart before they are read."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.fetcher.imap_listing import message_id_sha256

ID = hashlib.sha256(b"<1@sender.example>").hexdigest()


@pytest.mark.parametrize(
    ("header", "digest"),
    [
        pytest.param(b"Message-ID: <1@sender.example>\r\n\r\n", ID, id="as HEADER.FIELDS gives it"),
        pytest.param(b"From: a@b.example\nmessage-id:<1@sender.example> \n\nbody", ID, id="a whole mail, LF"),
        pytest.param(b"Message-ID:\r\n <1@sender.example>\r\nTo: x\r\n\r\n", ID, id="folded"),
        pytest.param(
            b"Message-ID: <1@sender.example>\r\nMessage-ID: <2@x>\r\n\r\n", ID, id="the first of two"
        ),
        pytest.param(b"Subject: x\r\n\r\nMessage-ID: <1@sender.example>\r\n", "", id="in the body only"),
        pytest.param(b"X-Message-ID: <1@sender.example>\r\n\r\n", "", id="another field"),
        pytest.param(b"Message-ID:  \r\n\r\n", "", id="empty"),
        pytest.param(b"\r\n", "", id="none, as HEADER.FIELDS gives it"),
        pytest.param(b"\r\nMessage-ID: <1@sender.example>\r\n", "", id="no header at all"),
        pytest.param(b"", "", id="nothing"),
    ],
)
def test_the_message_id_is_that_of_the_header(header: bytes, digest: str) -> None:
    assert message_id_sha256(header) == digest


@given(st.binary(max_size=300))
def test_any_bytes_whatever_give_a_digest_or_none(raw: bytes) -> None:
    assert len(message_id_sha256(raw)) in {0, 64}
