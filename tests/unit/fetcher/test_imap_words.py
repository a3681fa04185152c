"""How a server's words reach the person who reads them."""

from __future__ import annotations

import errno
import os

import pytest
from imapclient.exceptions import IMAPClientError

from postroom.fetcher.imap_words import said


@pytest.mark.parametrize(
    ("error", "words"),
    [
        pytest.param(IMAPClientError("b'[AUTH] no'"), "[AUTH] no", id="bytes as the library shows them"),
        pytest.param(
            IMAPClientError("select failed: No such folder"), "No such folder", id="the library's prefix"
        ),
        pytest.param(IMAPClientError("SEARCH command error: BAD ['x']"), "BAD ['x']", id="BAD"),
        pytest.param(
            OSError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED)), "Connection refused", id="system"
        ),
        pytest.param(TimeoutError("timed out"), "no answer in time", id="timeout"),
        pytest.param(IMAPClientError("two\r\nlines"), "two lines", id="one line"),
        pytest.param(IMAPClientError("x" * 999), "x" * 300, id="bounded"),
        pytest.param(EOFError(), "EOFError", id="nothing said"),
    ],
)
def test_what_was_said_is_told_on_one_line(error: BaseException, words: str) -> None:
    assert said(error) == words
