"""Reading a path: one address or none, whatever a client writes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.delivery import Envelope
from postroom.smtp_relay.path import NULL_PATH, is_ascii_or_utf8, read_path


@pytest.mark.parametrize(
    ("text", "address", "parameters"),
    [
        pytest.param("<a@b.example>", "a@b.example", "", id="plain"),
        pytest.param(
            " <a@b.example> SIZE=10 BODY=8BITMIME", "a@b.example", "SIZE=10 BODY=8BITMIME", id="more"
        ),
        pytest.param("a@b.example", "a@b.example", "", id="without brackets, as some write it"),
        pytest.param(
            "<@x.example,@y.example:a@b.example>", "a@b.example", "", id="a source route is dropped"
        ),
        pytest.param('<"a b"@c.example>', '"a b"@c.example', "", id="a quoted local part"),
        pytest.param("<a@[192.0.2.1]>", "a@[192.0.2.1]", "", id="an address literal"),
        pytest.param("<größe@b.example>", "größe@b.example", "", id="beyond ASCII"),
        pytest.param("<>", NULL_PATH, "", id="the null path"),
        pytest.param("<Postmaster>", "Postmaster@relay.test", "", id="the postmaster"),
        pytest.param("", None, "", id="nothing"),
        pytest.param("<a>", None, "", id="no domain"),
        pytest.param("<a@b,c@d>", None, "", id="two addresses"),
        pytest.param("<a@b@c>", None, "", id="two at signs"),
        pytest.param("<a b@c>", None, "", id="a blank"),
        pytest.param("<a@b>x", None, "", id="more right behind it"),
        pytest.param(f"<{'a' * 250}@b.example>", None, "", id="too long"),
    ],
)
def test_a_path_is_one_address_or_none(text: str, address: str | None, parameters: str) -> None:
    assert read_path(text, "relay.test") == (address, parameters)


@given(st.text(alphabet='ab.@<>,;:()"\\[] \t-+é', max_size=20))
def test_what_is_read_can_be_written_as_one_envelope_recipient(text: str) -> None:
    address, _ = read_path(text, "relay.test")

    if address not in {None, NULL_PATH}:
        assert Envelope("", str(address)).recipient == address


@pytest.mark.parametrize(
    ("address", "utf8", "fine"),
    [("a@b", False, True), ("é@b", False, False), ("é@b", True, True), ("\udce9@b", True, False)],
)
def test_beyond_ascii_an_address_needs_smtputf8(address: str, utf8: bool, fine: bool) -> None:
    assert is_ascii_or_utf8(address, utf8=utf8) is fine
