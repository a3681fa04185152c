"""The mails that benches are made of: the same every time, and what is said of them is true."""

from __future__ import annotations

import email
import email.policy
import hashlib
from collections import Counter
from functools import cache

import pytest

from bench.mails import Mail, mixed, single, small


@cache
def of_all_kinds() -> list[Mail]:
    return list(mixed(20))


def by_another_parser(mail: Mail) -> list[tuple[str | None, int, str]]:
    """Return name, size and SHA-256 of what the standard library finds attached."""
    contents = [
        (part.get_filename(), part.get_payload(decode=True))
        for part in email.message_from_bytes(mail.raw, policy=email.policy.compat32).walk()
        if part.get_content_disposition() == "attachment"
    ]
    return [
        (name, len(content), hashlib.sha256(content).hexdigest())
        for name, content in contents
        if isinstance(content, bytes)
    ]


def test_the_same_seed_gives_the_same_bytes() -> None:
    first = hashlib.sha256(b"".join(mail.raw for mail in mixed(8, seed=3))).hexdigest()

    assert first == hashlib.sha256(b"".join(mail.raw for mail in mixed(8, seed=3))).hexdigest()
    assert first != hashlib.sha256(b"".join(mail.raw for mail in mixed(8, seed=4))).hexdigest()


def test_the_bytes_do_not_change_unnoticed_from_one_version_to_the_next() -> None:
    whole = hashlib.sha256(b"".join(mail.raw for mail in small(10))).hexdigest()

    assert whole == "b05ec52eec09acabc0bec6cfa5d0b9e54b804dc0ddd71623e24d4034444dad32"


def test_the_shares_of_the_kinds_are_exact() -> None:
    kinds = Counter(mail.kind for mail in of_all_kinds())

    assert kinds == {"pdf": 12, "sheet": 3, "text": 2, "html": 2, "large": 1}


def test_another_parser_finds_the_attachments_that_the_manifest_names() -> None:
    for mail in [*of_all_kinds(), single(2)]:
        named = [(each.filename, each.size_bytes, each.sha256) for each in mail.attachments]

        assert by_another_parser(mail) == named


def test_what_people_attach_is_attached_and_no_text_is() -> None:
    counts = {mail.kind: len(mail.attachments) for mail in of_all_kinds()}

    assert counts == {"pdf": 1, "sheet": 1, "text": 0, "html": 0, "large": 1}


def test_another_parser_reads_message_id_and_org() -> None:
    for mail in of_all_kinds():
        read = email.message_from_bytes(mail.raw, policy=email.policy.compat32)

        assert (read["Message-ID"], read["Delivered-To"]) == (
            mail.message_id,
            f"orders+{mail.org}@intake.example",
        )


def test_no_two_mails_have_the_same_message_id() -> None:
    ids = [mail.message_id for mail in small(300)]

    assert len(set(ids)) == 300


@pytest.mark.parametrize(
    ("kind", "least", "most"), [("pdf", 20_000, 300_100), ("large", 2_000_000, 10_000_000)]
)
def test_documents_have_the_sizes_that_are_promised(kind: str, least: int, most: int) -> None:
    sizes = [file.size_bytes for mail in of_all_kinds() if mail.kind == kind for file in mail.attachments]

    assert sizes
    assert all(least <= size <= most for size in sizes)


def test_small_mails_are_of_four_kilobytes() -> None:
    assert all(3_900 < len(mail.raw) < 4_300 for mail in small(100))


def test_lines_end_as_on_the_wire_and_none_is_too_long() -> None:
    for mail in of_all_kinds():
        rest = mail.raw.replace(b"\r\n", b"")

        assert (rest.count(b"\r"), rest.count(b"\n")) == (0, 0)
        assert max(map(len, mail.raw.split(b"\r\n"))) <= 998  # RFC 5322 2.1.1
