"""Whose mail is this: the table of the trusted zone, and the slug rule against every look-alike."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.core.headers import read_header_block
from postroom.core.routing import (
    PROFILES,
    Rule,
    Target,
    address_of,
    address_pattern,
    is_slug,
    slug_in,
    targets,
)

ORDERS = address_pattern("orders+{org}@in.example")
POSTFIX = Rule(ORDERS, trust=PROFILES["postfix"])
EXIM = Rule(ORDERS, trust=PROFILES["exim"])
GMAIL = Rule(ORDERS, trust=PROFILES["gmail"])
TO_CC = Rule(ORDERS, to_cc=True)
ASCII_SLUG = re.compile("[a-z0-9][a-z0-9-]{0,62}")


def routed(header: bytes, rule: Rule) -> list[tuple[str | None, str]]:
    return [(found.slug, found.header) for found in targets(read_header_block(header + b"\n\nbody"), rule)]


@pytest.mark.parametrize(
    ("recipient", "slug"),
    [
        pytest.param("orders+acme@in.example", "acme", id="plain"),
        pytest.param("ORDERS+Acme@IN.Example", "acme", id="case is folded"),
        pytest.param("orders+AYZ@in.example", "ayz", id="up to the last letter"),
        pytest.param(" <orders+acme@in.example> ", "acme", id="brackets and blanks"),
        pytest.param("orders+acme-2@in.example", "acme-2", id="hyphen and digit"),
        pytest.param("orders+7@in.example", "7", id="one digit"),
        pytest.param("orders+" + "a" * 63 + "@in.example", "a" * 63, id="63 is the longest"),
    ],
)
def test_the_plus_tag_names_the_org(recipient: str, slug: str) -> None:
    assert slug_in(recipient, ORDERS) == (slug, "")


@pytest.mark.parametrize(
    ("recipient", "reason"),
    [
        pytest.param("orders+\u212aing@in.example", "malformed org slug: '\\u212aing'", id="Kelvin sign"),
        pytest.param("orders+\u0131nc@in.example", "malformed org slug: '\\u0131nc'", id="dotless i"),
        pytest.param("orders+\u0130nc@in.example", "malformed org slug: '\\u0130nc'", id="dotted I"),
        pytest.param("orders+\uff21cme@in.example", "malformed org slug: '\\uff21cme'", id="full width"),
        pytest.param("orders+\u017fmith@in.example", "malformed org slug: '\\u017fmith'", id="long s"),
        pytest.param("orders+acm\u0435@in.example", "malformed org slug: 'acm\\u0435'", id="Cyrillic e"),
        pytest.param("orders+\u0661@in.example", "malformed org slug: '\\u0661'", id="Arabic digit"),
        pytest.param("orders+-acme@in.example", "malformed org slug: '-acme'", id="leading hyphen"),
        pytest.param("orders+ac me@in.example", "malformed org slug: 'ac me'", id="blank"),
        pytest.param("orders+ac_me@in.example", "malformed org slug: 'ac_me'", id="underscore"),
        pytest.param("orders+../acme@in.example", "malformed org slug: '../acme'", id="path"),
        pytest.param("orders+acme\n@in.example", "malformed org slug: 'acme\\n'", id="line end"),
        pytest.param("orders+acme+beta@in.example", "malformed org slug: 'acme+beta'", id="two tags"),
        pytest.param("orders+@in.example", "malformed org slug: ''", id="empty tag"),
        pytest.param(
            "orders+" + "a" * 64 + "@in.example",
            "malformed org slug: '" + "a" * 64 + "'",
            id="64 is too long",
        ),
        pytest.param(
            "orders@in.example", "'orders@in.example' does not fit orders+{org}@in.example", id="no tag"
        ),
        pytest.param(
            "orders+acme@out.example",
            "'orders+acme@out.example' does not fit orders+{org}@in.example",
            id="another domain",
        ),
        pytest.param(
            "orders+acme@inxexample",
            "'orders+acme@inxexample' does not fit orders+{org}@in.example",
            id="a dot is a dot",
        ),
        pytest.param(
            "xorders+acme@in.example",
            "'xorders+acme@in.example' does not fit orders+{org}@in.example",
            id="more in front",
        ),
        pytest.param(
            "Xorders+acme@in.example",
            "'Xorders+acme@in.example' does not fit orders+{org}@in.example",
            id="no letter is stripped like a bracket",
        ),
        pytest.param("acme", "not an address: 'acme'", id="no address"),
        pytest.param("", "not an address: ''", id="nothing"),
        pytest.param("x" * 80, f"not an address: '{'x' * 80}'", id="a line is shown"),
        pytest.param("x" * 81, f"not an address: '{'x' * 77}...'", id="more than a line is cut"),
        pytest.param("x" * 90, "not an address: '" + "x" * 77 + "...'", id="long ones are cut"),
    ],
)
def test_what_is_no_slug_is_refused_with_a_reason(recipient: str, reason: str) -> None:
    assert slug_in(recipient, address_pattern("orders+{org}@in.example")) == (None, reason)


@pytest.mark.parametrize(
    ("template", "address"),
    [
        pytest.param("Orders+{org}@IN.example", "orders+acme@in.example", id="one address, in lower case"),
        pytest.param("orders@{org}.in.example", "orders@acme.in.example", id="a sub-domain"),
        pytest.param("*+{org}@in.example", None, id="any mailbox"),
        pytest.param("orders+{org}@*", None, id="any domain"),
    ],
)
def test_an_org_has_one_address_where_the_template_leaves_nothing_open(
    template: str, address: str | None
) -> None:
    assert address_of("acme", address_pattern(template)) == address


def test_a_pinned_mail_is_said_to_be_addressed_to_what_its_source_says() -> None:
    rule = Rule(ORDERS, pinned="acme", pinned_recipient="shop@in.example")

    assert targets(read_header_block(b""), rule) == (Target("acme", "shop@in.example", "(pinned)"),)


@pytest.mark.parametrize(
    ("template", "recipient", "slug"),
    [
        pytest.param("{org}@in.example", "acme@in.example", "acme", id="the local part"),
        pytest.param("orders@{org}.in.example", "orders@acme.in.example", "acme", id="a sub-domain"),
        pytest.param("orders@{org}.in.example", "orders@a.b.in.example", None, id="two levels are no slug"),
        pytest.param("*+{org}@*", "sales+acme@anywhere.example", "acme", id="any mailbox, any domain"),
        pytest.param("*+{org}@in.example", "a@b+acme@in.example", None, id="a star holds no at-sign"),
        pytest.param(
            "Orders+{org}@IN.example", "orders+acme@in.example", "acme", id="template is folded too"
        ),
        pytest.param("{org}-in@in.example", "acme-in@in.example", "acme", id="a suffix"),
    ],
)
def test_a_template_says_where_the_slug_stands(template: str, recipient: str, slug: str | None) -> None:
    assert slug_in(recipient, address_pattern(template))[0] == slug


@pytest.mark.parametrize(
    ("template", "domain"),
    [
        pytest.param("orders+{org}@In.Example", "in.example", id="one domain"),
        pytest.param("orders@{org}.in.example", None, id="the org is in the domain"),
        pytest.param("orders+{org}@*", None, id="any domain"),
    ],
)
def test_a_pattern_knows_its_domain(template: str, domain: str | None) -> None:
    assert address_pattern(template).domain == domain


@pytest.mark.parametrize(
    "template",
    ["orders@in.example", "{org}+{org}@in.example", "orders+{org}", "{org}@a@b", "{ORG}@in.example"],
)
def test_a_template_without_exactly_one_org_and_one_at_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match="exactly one"):
        address_pattern(template)


FORGED = b"Received: by mx\nDelivered-To: orders+beta@in.example\nX-Original-To: orders+beta@in.example"


@pytest.mark.parametrize(
    ("header", "rule", "found"),
    [
        pytest.param(
            b"X-Original-To: orders+acme@in.example\nDelivered-To: box@host\n" + FORGED,
            POSTFIX,
            [("acme", "X-Original-To")],
            id="X-Original-To goes before Delivered-To",
        ),
        pytest.param(
            b"Delivered-To: box@host\nX-Original-To: orders+acme@in.example\n" + FORGED,
            POSTFIX,
            [("acme", "X-Original-To")],
            id="in the order of trust, not of the lines",
        ),
        pytest.param(
            b"Delivered-To: orders+acme@in.example\n" + FORGED,
            POSTFIX,
            [("acme", "Delivered-To")],
            id="Delivered-To where there is no other",
        ),
        pytest.param(
            b"X-Original-To: who@else.example\nDelivered-To: orders+acme@in.example\n" + FORGED,
            POSTFIX,
            [(None, "X-Original-To")],
            id="present but unresolvable is refused, Delivered-To is not tried",
        ),
        pytest.param(
            b"X-Original-To:\nDelivered-To: orders+acme@in.example\n" + FORGED,
            POSTFIX,
            [(None, "X-Original-To")],
            id="present but empty is refused too",
        ),
        pytest.param(
            b"Delivered-To: orders+acme@in.example\nDelivered-To: orders+beta@in.example\n" + FORGED,
            GMAIL,
            [("acme", "Delivered-To")],
            id="the topmost occurrence decides",
        ),
        pytest.param(
            b"Return-Path: <a@b>\n" + FORGED, POSTFIX, [(None, "")], id="a forged lower one proves nothing"
        ),
        pytest.param(
            b"Delivered-To: orders+acme@in.example\nFrom: a@b",
            POSTFIX,
            [(None, "")],
            id="without Received there is no trusted zone",
        ),
        pytest.param(
            b"From: a@b\nDelivered-To: orders+acme@in.example",
            Rule(ORDERS, whole_header=True),
            [("acme", "Delivered-To")],
            id="unless the whole header is trusted",
        ),
        pytest.param(
            b"Received: by mx\nDelivered-To: orders+acme@in.example",
            Rule(ORDERS, whole_header=True),
            [("acme", "Delivered-To")],
            id="the whole header, below Received too",
        ),
        pytest.param(
            b"delivered-TO: orders+acme@in.example\nRECEIVED: by mx",
            POSTFIX,
            [("acme", "delivered-TO")],
            id="names of fields have no case",
        ),
        pytest.param(
            b"Envelope-To: orders+acme@in.example, orders+beta@in.example\nReceived: by mx",
            EXIM,
            [("acme", "Envelope-To"), ("beta", "Envelope-To")],
            id="Envelope-To with several",
        ),
        pytest.param(
            b"Envelope-To: orders+acme@in.example,\n who@else.example,"
            b" orders+ACME@in.example\nReceived: by mx",
            EXIM,
            [("acme", "Envelope-To"), (None, "Envelope-To")],
            id="Envelope-To, folded, one twice and one that fits nothing",
        ),
        pytest.param(b"Received: by mx", EXIM, [(None, "")], id="nothing trusted"),
        pytest.param(
            FORGED, Rule(ORDERS, pinned="acme"), [("acme", "(pinned)")], id="a pinned source asks nothing"
        ),
        pytest.param(
            b"", Rule(ORDERS, pinned="acme"), [("acme", "(pinned)")], id="pinned, even without a header"
        ),
    ],
)
def test_the_envelope_recipient_decides(
    header: bytes, rule: Rule, found: list[tuple[str | None, str]]
) -> None:
    assert routed(header, rule) == found


HOPS = (
    b"Received: c\nDelivered-To: orders+own@in.example\n"
    b"Received: b\nReceived: a\nDelivered-To: orders+evil@in.example"
)


@pytest.mark.parametrize(
    ("hops", "slug"),
    [
        pytest.param(0, None, id="none: above the first Received"),
        pytest.param(1, "own", id="one widens it by one hop"),
        pytest.param(2, "own", id="two"),
        pytest.param(9, "own", id="never past the last Received"),
    ],
)
def test_trusted_hops_widen_the_zone_but_never_past_the_last(hops: int, slug: str | None) -> None:
    assert routed(HOPS, Rule(ORDERS, trusted_hops=hops))[0][0] == slug


@pytest.mark.parametrize(
    ("header", "found"),
    [
        pytest.param(
            b"To: orders+acme@in.example, a@b\nCc: Beta <orders+beta@in.example>, c@d",
            [("acme", "To"), ("beta", "Cc")],
            id="several orgs, strangers ignored",
        ),
        pytest.param(b"To: a@b\nCc: c@d", [(None, "To/Cc")], id="only strangers"),
        pytest.param(b"Subject: x", [(None, "To/Cc")], id="neither To nor Cc"),
        pytest.param(b"To: orders+acme@out.example", [(None, "To")], id="another domain"),
        pytest.param(
            b"Delivered-To: who@else\nReceived: by mx\nTo: orders+acme@in.example",
            [(None, "Delivered-To")],
            id="a trusted header that is there decides all the same",
        ),
        pytest.param(
            b"Received: by mx\nDelivered-To: orders+beta@in.example\nTo: orders+acme@in.example",
            [("acme", "To")],
            id="a forged one still proves nothing",
        ),
    ],
)
def test_to_and_cc_count_only_where_a_source_opted_in(
    header: bytes, found: list[tuple[str | None, str]]
) -> None:
    assert routed(header, TO_CC) == found


def test_a_refusal_says_what_was_there_and_what_was_wanted() -> None:
    block = read_header_block(b"X-Original-To: who@else.example\nReceived: by mx\n\n")

    assert targets(block, POSTFIX) == (
        Target(
            None,
            "who@else.example",
            "X-Original-To",
            "'who@else.example' does not fit orders+{org}@in.example",
        ),
    )


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        pytest.param(b"From: a@b", "no Received header, so no header can be trusted", id="no Received"),
        pytest.param(b"Received: x", "no X-Original-To or Delivered-To in the trusted zone", id="none in it"),
        pytest.param(
            b"X-Original-To: ;\nReceived: x",
            "no address in X-Original-To fits orders+{org}@in.example",
            id="no address in it",
        ),
    ],
)
def test_a_mail_without_an_answer_says_why(header: bytes, reason: str) -> None:
    (target,) = targets(read_header_block(header + b"\n\n"), POSTFIX)

    assert (target.slug, target.refusal) == (None, reason)


@given(st.text())
def test_no_text_whatever_breaks_the_router_or_becomes_a_slug(recipient: str) -> None:
    slug, reason = slug_in(recipient, address_pattern("*{org}@*"))

    assert (slug is None) == bool(reason)
    assert slug is None or ASCII_SLUG.fullmatch(slug)


@given(st.text(alphabet="aZk\u212a\u0131\u0130\uff21\u017f09-_+.@ \n", max_size=12))
def test_a_slug_is_the_ascii_lower_case_of_what_was_written(tag: str) -> None:
    slug, _ = slug_in(f"orders+{tag}@in.example", ORDERS)

    assert slug is None or (tag.isascii() and slug == tag.lower())
    assert is_slug(tag) == bool(ASCII_SLUG.fullmatch(tag))


RULES = st.builds(
    Rule,
    address=st.just(ORDERS),
    pinned=st.none(),
    trust=st.sampled_from([*PROFILES.values()]),
    trusted_hops=st.integers(0, 3),
    whole_header=st.booleans(),
    to_cc=st.booleans(),
)
HEADERISH = st.lists(
    st.one_of(
        st.sampled_from(
            [
                b"Received: x\n",
                b"Delivered-To: ",
                b"X-Original-To: ",
                b"To: ",
                b"orders+acme@in.example",
                b"\n",
                b",",
                b"<",
            ]
        ),
        st.binary(max_size=5),
    )
).map(b"".join)


@given(HEADERISH, RULES)
def test_no_bytes_whatever_break_the_router(header: bytes, rule: Rule) -> None:
    found = targets(read_header_block(header), rule)

    assert found
    assert all(target.slug is None or ASCII_SLUG.fullmatch(target.slug) for target in found)
    assert all(bool(target.refusal) == (target.slug is None) for target in found)
