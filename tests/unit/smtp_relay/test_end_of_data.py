"""Where a message ends: at CR LF "." CR LF and nowhere else, however the bytes arrive."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.smtp_relay.end_of_data import DotStuffing

SMUGGLED = [
    pytest.param(b"\n.\n", id="LF . LF"),
    pytest.param(b"\n.\r\n", id="LF . CR LF"),
    pytest.param(b"\r.\r", id="CR . CR"),
    pytest.param(b"\r.\r\n", id="CR . CR LF"),
    pytest.param(b"\r\n.\n", id="CR LF . LF"),
    pytest.param(b"\r\n.\r", id="CR LF . CR"),
    pytest.param(b"\r\n\x00.\r\n", id="CR LF NUL . CR LF"),
]


def read(raw: bytes, size: int) -> tuple[bytes, bytes | None]:
    """Return the content and what followed its end, of `raw` in blocks of `size`."""
    stuffing, content = DotStuffing(), b""
    for start in range(0, len(raw), size):
        content += stuffing.feed(raw[start : start + size])
        if stuffing.rest is not None:
            return content, stuffing.rest + raw[start + size :]
    return content, None


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize(
    ("raw", "content", "rest"),
    [
        pytest.param(b"a\r\n.\r\n", b"a\r\n", b"", id="one line"),
        pytest.param(b".\r\n", b"", b"", id="nothing"),
        pytest.param(b"a\r\n.\r\nQUIT\r\n", b"a\r\n", b"QUIT\r\n", id="a command behind it"),
        pytest.param(b"..\r\n..b\r\na..\r\n.\r\n", b".\r\n.b\r\na..\r\n", b"", id="dots are unstuffed"),
        pytest.param(b".a\r\n.\r\n", b"a\r\n", b"", id="a dot that was not stuffed"),
        pytest.param(b"a\r\n\r\n.\r\n.\r\n", b"a\r\n\r\n", b".\r\n", id="the first end counts"),
        pytest.param(b"a\r\r\n.\r\n", b"a\r\r\n", b"", id="CR CR LF . CR LF"),
    ],
)
def test_a_message_ends_at_the_lone_dot(raw: bytes, content: bytes, rest: bytes, size: int) -> None:
    assert read(raw, size) == (content, rest)


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
@pytest.mark.parametrize("smuggled", SMUGGLED)
def test_nothing_else_ends_it(smuggled: bytes, size: int) -> None:
    content, rest = read(b"Subject: a\r\n\r\nb" + smuggled + b"MAIL FROM:<x@y>\r\n.\r\n", size)

    assert rest == b""
    assert content.endswith(b"MAIL FROM:<x@y>\r\n")


@given(st.lists(st.sampled_from([b"\r", b"\n", b".", b"a"]), max_size=30), st.integers(1, 7))
def test_how_the_bytes_are_cut_makes_no_difference(letters: list[bytes], size: int) -> None:
    raw = b"".join(letters) + b"\r\n.\r\nrest"

    assert read(raw, size) == read(raw, len(raw))


@given(st.binary(max_size=200), st.integers(1, 9))
def test_what_a_client_stuffs_comes_out_as_it_was(text: bytes, size: int) -> None:
    lines = text.split(b"\r\n")
    stuffed = b"".join((b"." + line if line.startswith(b".") else line) + b"\r\n" for line in lines)

    assert read(stuffed + b".\r\n", size) == (text + b"\r\n", b"")
