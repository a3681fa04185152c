"""Every reply has an enhanced status code, but those that must have none."""

from __future__ import annotations

import errno

import pytest

from postroom.errors import MaildirUnusable
from postroom.smtp_relay.replies import enhanced, refused


@pytest.mark.parametrize(
    ("plain", "said"),
    [
        ("250 OK", "250 2.0.0 OK"),
        ("503 Error: send HELO first", "503 5.5.1 Error: send HELO first"),
        ("421 4.7.0 NOOP sent too many times", "421 4.7.0 NOOP sent too many times"),
        ("553 5.1.3 Error: malformed address", "553 5.1.3 Error: malformed address"),
        ("220 relay.test postroom", "220 relay.test postroom"),
        ("354 go on", "354 go on"),
        ("250-relay.test", "250-relay.test"),
    ],
)
def test_a_reply_gets_its_code_once(plain: str, said: str) -> None:
    assert enhanced(plain) == said


@pytest.mark.parametrize(
    ("number", "code"),
    [(errno.ENOSPC, "452 4.3.1"), (errno.EDQUOT, "452 4.3.1"), (errno.EACCES, "451 4.3.0")],
)
def test_a_full_disk_is_told_from_one_that_cannot_be_written(number: int, code: str) -> None:
    fault = MaildirUnusable("cannot write")
    fault.__cause__ = OSError(number, "")

    assert refused(fault)[:9] == code
