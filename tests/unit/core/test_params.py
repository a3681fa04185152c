"""The parameters of Content-Type and Content-Disposition."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.core.params import read_parameters

PARAMISH = st.lists(
    st.sampled_from(
        b"a/b|;|name|=|*|0|*1*|'|utf-8''|%C3|%|\"|\\|(|)| |\r\n |\x00|\xff|=?utf-8?Q?".split(b"|")
    )
).map(b"".join)


@pytest.mark.parametrize(
    ("body", "value", "parameters"),
    [
        pytest.param(b" Text/Plain; Charset=utf-8", "text/plain", {"charset": "utf-8"}, id="plain"),
        pytest.param(b'a/b (c); name="x;y.pdf" ; z=1', "a/b", {"name": "x;y.pdf", "z": "1"}, id="quoted"),
        pytest.param(b'a/b; name="x\\"y\\\\z"', "a/b", {"name": 'x"y\\z'}, id="escapes"),
        pytest.param(b'a/b; name="C:\\tmp\\new.pdf"', "a/b", {"name": "C:\\tmp\\new.pdf"}, id="no escapes"),
        pytest.param(
            b"a/b; name=my new file.pdf; z=1", "a/b", {"name": "my new file.pdf", "z": "1"}, id="bare"
        ),
        pytest.param(b"a/b; name=\xfc.pdf", "a/b", {"name": "ü.pdf"}, id="raw cp1252"),
        pytest.param("a/b; name=ü.pdf".encode(), "a/b", {"name": "ü.pdf"}, id="raw UTF-8"),
        pytest.param(b'a/b; name="=?utf-8?Q?=C3?=\r\n =?utf-8?Q?=BC?="', "a/b", {"name": "ü"}, id="words"),
        pytest.param(b"a/b; name==?utf-8?Q?a_b?=", "a/b", {"name": "a b"}, id="a bare word"),
        pytest.param(b"a; n*=utf-8'en'%e2%82%ac", "a", {"n": "€"}, id="RFC 2231"),
        pytest.param(b"a; n*=iso-8859-1''%FC", "a", {"n": "ü"}, id="RFC 2231, other charset"),
        pytest.param(b"a; n*=%C3%BC", "a", {"n": "ü"}, id="RFC 2231 without charset"),
        pytest.param(b"a; n*=\"utf-8''%C3%BC\"", "a", {"n": "ü"}, id="RFC 2231 in quotes"),
        pytest.param(b"a; n*1=b; n*0=a; n*2=c", "a", {"n": "abc"}, id="pieces"),
        pytest.param(b"a; n*0*=utf-8''%C3; n*1*=%BC; n*2=%41", "a", {"n": "ü%41"}, id="encoded pieces"),
        pytest.param(b"a; n=x; n*=utf-8''y", "a", {"n": "y"}, id="RFC 2231 goes before plain"),
        pytest.param(b'filename="x"', "", {"filename": "x"}, id="no value"),
        pytest.param(b'attachment filename="x y"', "attachment", {"filename": "x y"}, id="no semicolon"),
        pytest.param(b'a; n="x" m="y"', "a", {"n": "x", "m": "y"}, id="no semicolon between"),
        pytest.param(b"a; n*=utf-8''%00%zz", "a", {"n": "%zz"}, id="bad percent, NUL"),
        pytest.param(b"a; name*", "a", {}, id="nothing behind the name"),
        pytest.param(b"", "", {}, id="nothing"),
    ],
)
def test_parameters_are_read(body: bytes, value: str, parameters: dict[str, str]) -> None:
    read = read_parameters(body)

    assert read.value == value
    assert {name: parameter.value for name, parameter in read.parameters.items()} == parameters


@pytest.mark.parametrize(
    ("body", "name", "defect"),
    [
        pytest.param(b"a; n=x; n=y", "x", "duplicate parameter", id="twice"),
        pytest.param(b'a; n="x; m=y', "x", "quotes not closed", id="open quotes"),
        pytest.param(b"a; n*1=x; n*3=y", "xy", "parameter with missing pieces", id="pieces missing"),
        pytest.param(b"a; n=x; *=y", "x", "damaged parameter", id="no name"),
    ],
)
def test_damage_is_said(body: bytes, name: str, defect: str) -> None:
    read = read_parameters(body)

    assert (read.text("n"), read.defects) == (name, (defect,))


def test_a_boundary_is_kept_as_bytes() -> None:
    read = read_parameters(b'multipart/mixed; boundary="=?utf-8?Q?x?=\xff"')

    assert read.parameters["boundary"].raw == b"=?utf-8?Q?x?=\xff"


@pytest.mark.parametrize(
    "body",
    [
        b";" * 65_536,
        b"a/b" + b"".join(b"; f*%d*=a" % number for number in range(16_000)),
        b"; " * 32_768,
        b'x="' * 20_000,
        b"(" * 65_536,
        b"a/b; f*" + b"9" * 60_000 + b"=x",
    ],
    ids=["semicolons", "pieces", "semicolons and blanks", "quotes", "comments", "a huge number"],
)
def test_a_bomb_is_read_up_to_the_limit(body: bytes) -> None:
    assert read_parameters(body).limits == ("parsed_field_bytes",)


@given(st.one_of(st.binary(), PARAMISH))
def test_no_bytes_whatever_break_the_parameters(body: bytes) -> None:
    read = read_parameters(body)

    assert all("\x00" not in parameter.value for parameter in read.parameters.values())


@given(
    st.lists(
        st.sampled_from(
            [
                *(
                    b"application/pdf",
                    b"; ",
                    b";",
                    b";\r\n\t",
                    b"name",
                    b"filename",
                    b"boundary",
                    b"=",
                    b'"',
                    b"\\",
                ),
                *(
                    b"a b",
                    b"x.pdf",
                    b"Name",
                    b"%41",
                    b"'",
                    b"*",
                    b"*0",
                    b"(c)",
                    b"=?utf-8?q?=41?=",
                    b"\xff",
                    b" ",
                ),
            ]
        ),
        max_size=14,
    ).map(b"".join)
)
def test_a_plain_field_is_read_as_a_difficult_one_is(body: bytes) -> None:
    # What follows says nothing, but with a comment in it no field is plain.
    assert read_parameters(body) == read_parameters(body + b" ;(c)")
