"""Which message is this: two roads, one mail; one id, two mails."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.core.headers import read_header_block
from postroom.core.identity import conflict_id, content_sha256, message_id, synthetic_id

MAIL = (
    b"From: Anna <anna@customer.example>\n"
    b"To: orders+acme@in.example\n"
    b"Date: Tue, 4 Mar 2025 10:11:12 +0100\n"
    b"Message-ID: <po-4711@customer.example>\n"
    b"Subject: PO 4711\n"
    b"MIME-Version: 1.0\n"
    b"Content-Type: text/plain; charset=utf-8\n"
    b"\n"
    b"Please send two.\n"
)


def digest(raw: bytes, *cuts: int) -> str:
    """Return the digest of a mail whose body comes in pieces, cut at these offsets of the body."""
    block = read_header_block(raw)
    body = raw[block.body_start :]
    ends = [0, *sorted(cuts), len(body)]
    return content_sha256(block, [body[start:end] for start, end in pairwise(ends)])


def id_of(field: bytes) -> str | None:
    return message_id(read_header_block(field + b"\n\n"))


def crlf(raw: bytes) -> bytes:
    return raw.replace(b"\n", b"\r\n")


@pytest.mark.parametrize(
    "other_road",
    [
        pytest.param(crlf(MAIL), id="through IMAP with CRLF"),
        pytest.param(b"Received: by mx; today\nReceived: by b\n" + MAIL, id="Received"),
        pytest.param(b"Return-Path: <x@y>\nDelivered-To: z@z\nX-Original-To: q@q\n" + MAIL, id="delivery"),
        pytest.param(b"ARC-Seal: i=1; b=abc\nARC-Message-Signature: x\n" + MAIL, id="ARC"),
        pytest.param(b"DKIM-Signature: v=1;\n b=abc\n" + MAIL, id="DKIM"),
        pytest.param(b"X-Spam-Flag: YES\nAuthentication-Results: mx; spf=fail\n" + MAIL, id="spam and auth"),
        pytest.param(b"List-Id: <x>\nReply-To: a@b\nSender: c@d\n" + MAIL, id="fields that are not covered"),
        pytest.param(MAIL.replace(b"To: orders+acme", b"To: orders+beta"), id="To"),
        pytest.param(MAIL + b"\n\n\n", id="blank lines at the end"),
        pytest.param(MAIL.rstrip(b"\n"), id="no line end at the end"),
        pytest.param(MAIL.replace(b"; charset", b";\n charset"), id="a folded field"),
        pytest.param(MAIL.replace(b"Subject: PO", b"SUBJECT:PO"), id="how a name is written"),
        pytest.param(b"From anna Tue Mar  4 10:11:12 2025\n" + MAIL, id="the line of an mbox"),
    ],
)
def test_the_same_mail_by_another_road_has_the_same_digest(other_road: bytes) -> None:
    assert digest(other_road) == digest(MAIL)


@pytest.mark.parametrize("end", [b"\r", b"\r\n"])
@pytest.mark.parametrize("cuts", [(), (17,), (18,), (17, 18, 23, 24)])
def test_the_line_ends_of_the_body_do_not_count_wherever_it_is_cut(end: bytes, cuts: tuple[int, ...]) -> None:
    body = b"Second.\nThird."

    assert digest(MAIL + body.replace(b"\n", end) + end, *cuts) == digest(MAIL + body)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(b"Please send two.", b"Please send three.", id="body"),
        pytest.param(b"Please", b" Please", id="a blank in the body"),
        pytest.param(b"Please send", b"Please\nsend", id="a line end in the body"),
        pytest.param(b"Please send", b"\nPlease send", id="a blank line before the body"),
        pytest.param(b"Subject: PO 4711", b"Subject: PO 4712", id="Subject"),
        pytest.param(b"From: Anna", b"From: Anne", id="From"),
        pytest.param(b"10:11:12", b"10:11:13", id="Date"),
        pytest.param(b"<po-4711@", b"<po-4712@", id="Message-ID"),
        pytest.param(b"MIME-Version: 1.0", b"MIME-Version: 1.1", id="MIME-Version"),
        pytest.param(b"charset=utf-8", b"charset=latin1", id="Content-Type"),
        pytest.param(b"\n\nPlease", b"\nContent-Transfer-Encoding: base64\n\nPlease", id="Content-*"),
        pytest.param(b"Subject: PO 4711\n", b"", id="a field that is missing"),
    ],
)
def test_another_mail_has_another_digest(before: bytes, after: bytes) -> None:
    assert digest(MAIL.replace(before, after)) != digest(MAIL)


def test_the_digest_of_a_mail_never_changes() -> None:
    assert digest(MAIL) == "0376659ba0191bfcdd4dc77e806dc95dbf3eaa96687d1f921141019ff03c9881"


@pytest.mark.parametrize("cut", [3, 4, 5, 6])
def test_a_line_end_across_two_pieces_counts_once(cut: int) -> None:
    body = b"aaaa\r\nbb"

    assert digest(b"Subject: x\r\n\r\n" + body, cut) == digest(b"Subject: x\n\naaaa\nbb")


@pytest.mark.parametrize("cuts", [(), (4,), (5,), (4, 5), (3, 4, 5)])
def test_two_bare_cr_are_two_line_ends_wherever_they_are_cut(cuts: tuple[int, ...]) -> None:
    head = MAIL.removesuffix(b"Please send two.\n")

    assert digest(head + b"one\r\rtwo", *cuts) == digest(head + b"one\n\ntwo")


@pytest.mark.parametrize("cuts", [(2,), (3,), (4,), (3, 5), (2, 3, 4, 5, 6)])
def test_blank_lines_across_pieces_are_kept_inside_and_cut_at_the_end(cuts: tuple[int, ...]) -> None:
    head = b"Subject: x\n\n"
    inside = b"aa\n\n\n\n\n"

    assert digest(head + inside + b"b", *cuts) == digest(head + inside + b"b")
    assert digest(head + inside + b"b", *cuts) != digest(head + inside[:-1] + b"b")
    assert digest(head + inside, *cuts) == digest(head + b"aa")


@given(st.lists(st.sampled_from([b"\r", b"\n", b"a", b" "]), max_size=12).map(b"".join), st.data())
def test_where_a_body_is_cut_never_changes_the_digest(body: bytes, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=5))

    assert digest(b"Subject: x\n\n" + body, *cuts) == digest(b"Subject: x\n\n" + body)


@given(st.binary(max_size=300))
def test_line_ends_of_a_body_never_change_the_digest(body: bytes) -> None:
    line_feeds = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    assert digest(b"Subject: x\n\n" + body) == digest(b"Subject: x\n\n" + line_feeds)


@given(
    st.lists(
        st.one_of(
            st.sampled_from(
                [b"Subject: x\n", b"Message-ID: <a@b>\n", b"\n", b" ", b"Content-Type: a/b;\n c=d\n"]
            ),
            st.binary(max_size=20),
        )
    ).map(b"".join)
)
def test_any_mail_is_the_same_mail_through_imap_and_maildir(raw: bytes) -> None:
    in_maildir = raw.replace(b"\r", b"")
    through_imap = crlf(in_maildir)

    assert digest(in_maildir) == digest(through_imap)
    assert message_id(read_header_block(in_maildir)) == message_id(read_header_block(through_imap))


@pytest.mark.parametrize(
    ("field", "written"),
    [
        pytest.param(b"Message-ID: <a@b>", "<a@b>", id="plain"),
        pytest.param(b"message-id:<a@b>", "<a@b>", id="without a blank"),
        pytest.param(b"Message-ID:\n <a@b>", "<a@b>", id="folded"),
        pytest.param(b"Message-ID: (old) <a@b> x", "<a@b>", id="with words around it"),
        pytest.param(b"Message-ID: a@b", "a@b", id="without brackets"),
        pytest.param(b"Message-ID: X", "X", id="one letter"),
        pytest.param(b"Message-ID: <a@b>\nMessage-ID: <c@d>", "<a@b>", id="the topmost of two"),
        pytest.param("Message-ID: <ü@b>".encode(), "<ü@b>", id="UTF-8"),
        pytest.param(b"Message-ID: <\xfc@b>", "<ü@b>", id="latin-1"),
        pytest.param(b"Message-ID: <" + b"a" * 996 + b">", "<" + "a" * 996 + ">", id="as long as a line"),
        pytest.param(b"Message-ID: <sha256:a@b>", "<sha256:a@b>", id="in brackets nothing looks synthetic"),
        pytest.param(b"Message-ID: <a@b>#0123456789ab", "<a@b>", id="what stands behind the brackets"),
    ],
)
def test_a_message_id_is_taken_as_written(field: bytes, written: str) -> None:
    assert id_of(field) == written


@pytest.mark.parametrize(
    "field",
    [
        pytest.param(b"Subject: x", id="missing"),
        pytest.param(b"Message-ID:", id="empty"),
        pytest.param(b"Message-ID:   ", id="blanks"),
        pytest.param(b"Message-ID: <>", id="empty brackets"),
        pytest.param(b"Message-ID: <", id="a lone bracket"),
        pytest.param(b"Message-ID: <a b@c>", id="a blank inside"),
        pytest.param(b"Message-ID: a b", id="two words"),
        pytest.param(b"Message-ID: <a\x00@b>", id="NUL"),
        pytest.param(b"Message-ID: <a\x1b[2J@b>", id="escape"),
        pytest.param(b"Message-ID: <a\x7f@b>", id="delete"),
        pytest.param(b"Message-ID: <" + b"a" * 997 + b">", id="longer than a line"),
        pytest.param(b"Message-ID: sha256:" + b"0" * 64, id="in the shape of a synthetic id"),
        pytest.param(b"Message-ID: sha256:x", id="beginning like one"),
        pytest.param(b"Message-ID: a@b#0123456789ab", id="in the shape of a conflict id"),
        pytest.param(b"Message-ID: a@b#" + b"0" * 64, id="in the shape of a long conflict id"),
    ],
)
def test_an_unusable_message_id_is_none(field: bytes) -> None:
    assert id_of(field) is None


@given(st.binary(max_size=60))
def test_no_bytes_whatever_become_an_id_that_cannot_be_stored(written: bytes) -> None:
    found = id_of(b"Message-ID: " + written)

    assert found is None or (0 < len(found) <= 998 and not re.search(r"[\x00-\x20\x7f\ud800-\udfff]", found))
    assert found is None or not found.startswith("sha256:")


def test_ids_of_our_own_are_spelled_in_one_way() -> None:
    assert synthetic_id("ab" * 32) == "sha256:" + "ab" * 32
    assert conflict_id("<a@b>", "0123456789abcdef" * 4) == "<a@b>#0123456789ab"


def test_only_line_ends_are_blank_at_the_end_of_a_body() -> None:
    block = read_header_block(b"Subject: x\n\n")

    assert content_sha256(block, [b"aX"]) != content_sha256(block, [b"a"])
