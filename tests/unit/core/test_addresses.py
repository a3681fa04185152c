"""The addr-specs of an address list."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.core.addresses import mailboxes

LISTISH = st.lists(st.sampled_from(b'a@b|a|@|<|>|,|;|:|(|)|"|\\|[|]| |\r\n |.|\x00|\xff'.split(b"|"))).map(
    b"".join
)

PLAINISH = st.lists(st.sampled_from([b"A", b"a1", b"@", b"<", b">", b" ", b".", b"-", b"_", b"+", b"="])).map(
    b"".join
)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        pytest.param(b" a@b.example", ["a@b.example"], id="bare"),
        pytest.param(b"a@b, C D <c@d>", ["a@b", "c@d"], id="two"),
        pytest.param(b'"x, <y@z>" <a@b>', ["a@b"], id="a quoted name"),
        pytest.param(b"A (x, (y) <q@q>) <a@b> (z)", ["a@b"], id="comments"),
        pytest.param(b"g: a@b, C <c@d>;, e@f", ["a@b", "c@d", "e@f"], id="a group"),
        pytest.param(b"undisclosed-recipients:;", [], id="an empty group"),
        pytest.param(b'"j d"@b', ['"j d"@b'], id="a quoted local part"),
        pytest.param(b"<@r,@s:a@b>", ["a@b"], id="a route"),
        pytest.param(b"<a@b, <c@d>", ["a@b", "c@d"], id="a bracket not closed"),
        pytest.param(b"<<a@b>>", ["a@b"], id="brackets twice"),
        pytest.param(b"a @\r\n b . example", ["a@b.example"], id="blanks around the dots"),
        pytest.param(b"a@[IPv6:::1]", ["a@[IPv6:::1]"], id="a domain literal"),
        pytest.param(b"Anna a@b", ["a@b"], id="a name without brackets"),
        pytest.param(b"A. B-C <a.b+c_d=e@f-g.example>", ["a.b+c_d=e@f-g.example"], id="a plain name"),
        pytest.param(b"=?utf-8?Q?=C3=BC?= <a@b>", ["a@b"], id="an encoded name"),
        pytest.param("ü@ö.example".encode(), ["ü@ö.example"], id="RFC 6532"),
        pytest.param(b"a@b@c", [], id="two at-signs"),
        pytest.param(b"<a@b c@d>", [], id="two in one bracket"),
        pytest.param(b"<a\x00@b>", [], id="a control"),
        pytest.param(b'"victim@in.example" <a@b>', ["a@b"], id="the name is no address"),
        pytest.param(b"<>", [], id="the empty return path"),
        pytest.param(b"MAILER-DAEMON", [], id="no domain"),
        pytest.param(b"<", [], id="a lone bracket"),
        pytest.param(b"", [], id="nothing"),
    ],
)
def test_addresses_are_found(body: bytes, found: list[str]) -> None:
    assert mailboxes(body) == found


@pytest.mark.parametrize(
    "piece", [b"<", b"(", b'"', b'\\"', b'"\\"', b"[", b"<@", b",", b"a@", b" @ ", b"a "]
)
def test_a_bomb_is_read_up_to_the_limit(piece: bytes) -> None:
    assert mailboxes(b'"' + piece * 100_000) == []


@given(st.one_of(st.binary(), LISTISH))
def test_no_bytes_whatever_break_the_list(body: bytes) -> None:
    found = mailboxes(body)

    assert all(address.count("@") >= 1 and "\n" not in address for address in found)


@given(PLAINISH)
def test_an_address_by_itself_is_read_as_one_of_a_list(body: bytes) -> None:
    assert mailboxes(body) == mailboxes(body + b",")
