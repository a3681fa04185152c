"""Encoded words and raw 8-bit text in header fields."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.core.headers import Field
from postroom.core.words import clean, decode_text, decode_words, text

WORDISH = st.lists(
    st.sampled_from(b'=?|?=|utf-8|?Q?|?B?|=C3|w7w=| |\r\n |"|\xc3|\x00|gb2312|*en|utf-7|_'.split(b"|"))
).map(b"".join)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param(b"plain", "plain", id="plain"),
        pytest.param(b"=?utf-8?Q?J=C3=BCrgen_M?=", "Jürgen M", id="Q"),
        pytest.param(b"=?UTF-8?b?SsO8cmdlbg==?=", "Jürgen", id="B"),
        pytest.param(b"=?iso-8859-1*de?Q?=FC?=", "ü", id="with a language"),
        pytest.param(b"=?utf-8?Q?a?= =?utf-8?Q?b?=", "ab", id="blanks between words go"),
        pytest.param(b"=?utf-8?Q?a?=\r\n =?utf-8?B?Yg==?=", "ab", id="folds between words go"),
        pytest.param(b"x =?utf-8?Q?a?= y", "x a y", id="blanks around words stay"),
        pytest.param(b"=?utf-8?Q?=C3?= =?utf-8?Q?=BC?=", "ü", id="a character split between words"),
        pytest.param(b"=?utf-8?B?ww==?= =?utf-8?B?vA==?=", "ü", id="split in B"),
        pytest.param(b'"=?utf-8?Q?=C3=BC?=" x', '"ü" x', id="in quotes"),
        pytest.param(b"=?utf-8?Q?a b?=", "a b", id="blanks in the text"),
        pytest.param(b"=?utf-8?B?YWJ?=", "ab", id="padding missing"),
        pytest.param(b"=?iso-2022-jp?B?GyRCJDMbKEI=?=", "こ", id="Japanese"),
        pytest.param(b"=?gb2312?B?gTCBMQ==?=", "\x81", id="gb2312 means gb18030"),
        pytest.param(b"=?nobody?Q?=C3=BC?=", "ü", id="unknown charset"),
        pytest.param(b"=?idna?Q?xn--a?=", "xn--a", id="no charset at all"),
        pytest.param("ü".encode(), "ü", id="raw UTF-8"),
        pytest.param(b"\xfc\x80", "ü€", id="raw cp1252"),
        pytest.param(b"\x81", "\x81", id="a hole in cp1252"),
        pytest.param(b"=?utf-8?X?a?=", "=?utf-8?X?a?=", id="unknown encoding"),
        pytest.param(b"=?utf-8?Q?a", "=?utf-8?Q?a", id="no end"),
    ],
)
def test_words_are_decoded(body: bytes, said: str) -> None:
    assert decode_words(body) == said


@pytest.mark.parametrize(
    ("content", "charset", "said"),
    [
        pytest.param(b"\xa4", "ISO-8859-15", "€", id="as declared"),
        pytest.param(b"\x80", "iso-8859-1", "€", id="latin-1 means cp1252"),
        pytest.param(b"\xfc", "utf-8", "ü", id="the declaration is wrong"),
        pytest.param(b"\x00a\x00", "us-ascii", "a", id="NUL goes"),
        pytest.param(b"+2AA-", "utf-7", "", id="lone surrogate goes"),
        pytest.param(b"a", "\x00", "a", id="NUL in the name"),
        pytest.param(b"a", "x" * 100_000, "a", id="a long name"),
    ],
)
def test_text_comes_out_of_any_charset(content: bytes, charset: str, said: str) -> None:
    assert decode_text(content, charset) == said


def test_a_subject_is_one_clean_line() -> None:
    field = Field("Subject", b" =?utf-8?Q?a=0D=0Ab=1B[31m=E2=80=AEgpj?=\r\n\tc ", 0)

    said = text(field)

    assert said == "a b[31mgpj c"


def test_no_field_says_nothing() -> None:
    assert text(None) is None


@pytest.mark.parametrize("body", [b"=?a?q?" * 100_000, b"=?a?q?x?= " * 50_000, b"=?" * 500_000])
def test_a_field_of_broken_words_is_read_in_one_pass(body: bytes) -> None:
    assert len(decode_words(body)) <= len(body)


@given(st.one_of(st.binary(), WORDISH))
def test_no_bytes_whatever_break_the_words(body: bytes) -> None:
    said = decode_words(body)

    assert "\x00" not in said
    assert said.encode("utf-8").decode("utf-8") == said
    assert not any(letter < " " for letter in clean(said))


@given(st.binary(), st.text())
def test_no_charset_whatever_breaks_the_decoder(content: bytes, charset: str) -> None:
    said = decode_text(content, charset)

    assert "\x00" not in said
    assert said.encode("utf-8").decode("utf-8") == said
