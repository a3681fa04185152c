"""Real and tortured mails, compared with what two other parsers found in them."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from postroom.core.limits import DEFAULT_LIMITS
from postroom.db.values import LedgerPart
from postroom.unpack.opener import open_containers
from tests.dissecting import Taken, taken_apart

CORPUS = os.environ.get("POSTROOM_CORPUS", "")
BASE64_TEXT = re.compile(rb"(?:[A-Za-z0-9+/]{60,76}\r?\n){3,}[A-Za-z0-9+/=\r\n]*")

Mail = dict[str, Any]


@pytest.fixture(scope="module")
def mails() -> list[Mail]:
    if not CORPUS:
        pytest.skip("set POSTROOM_CORPUS to a folder of torture mails")
    listed: list[Mail] = json.loads(Path(CORPUS, "attachments.json").read_text(encoding="utf-8"))
    return listed


@cache
def taken(file: str) -> Taken:
    return taken_apart(Path(CORPUS, file).read_bytes())


def missed(mail: Mail, lines: Iterable[LedgerPart]) -> list[str]:
    """Return the digests on which the two agree and that none of these lines has."""
    wanted = Counter(attachment["sha256"] for attachment in mail["gmime"])
    return sorted((wanted - Counter(str(line.sha256) for line in lines)).elements())


def test_no_torture_mail_raises(mails: list[Mail]) -> None:
    lines = [line for mail in mails for line in taken(mail["file"]).lines]

    assert len(lines) >= len(mails) > 0
    assert all(line.sha256 for line in lines)


def test_no_document_is_base64_that_nobody_decoded(mails: list[Mail]) -> None:
    undecoded = [
        (mail["file"], line.path)
        for mail in mails
        for line in taken(mail["file"]).lines
        # A piece of a larger mail and an encoding that nobody knows are said: their status is "failed".
        if line.kept and line.decode_status != "failed"
        if BASE64_TEXT.fullmatch(taken(mail["file"]).contents[line.path])
    ]

    assert undecoded == []


def test_what_two_other_parsers_agree_on_is_found(mails: list[Mail]) -> None:
    agreed = [mail for mail in mails if mail["agreed"] and mail["gmime"]]

    misses = {
        mail["file"]: digests for mail in agreed if (digests := missed(mail, taken(mail["file"]).lines))
    }

    assert len(misses) <= 0.01 * len(agreed), misses


def test_what_two_other_parsers_agree_on_becomes_documents_but_for_inline_images(mails: list[Mail]) -> None:
    agreed = [mail for mail in mails if mail["agreed"] and mail["gmime"]]
    wanted = {
        mail["file"]: [
            line for line in taken(mail["file"]).lines if line.kept or line.reason == "inline image"
        ]
        for mail in agreed
    }

    misses = {mail["file"]: digests for mail in agreed if (digests := missed(mail, wanted[mail["file"]]))}

    assert misses == {}


def test_of_those_only_a_container_that_was_opened_and_an_image_in_a_text_are_not_kept(
    mails: list[Mail],
) -> None:
    unpacker = open_containers(DEFAULT_LIMITS)
    agreed = [mail for mail in mails if mail["agreed"] and mail["gmime"]]

    not_kept: dict[str, list[LedgerPart]] = {}
    for mail in agreed:
        lines = taken_apart(Path(CORPUS, mail["file"]).read_bytes(), unpacker=unpacker).lines
        left = Counter(missed(mail, [line for line in lines if line.kept]))
        not_kept[mail["file"]] = [line for line in lines if not line.kept and str(line.sha256) in left]
        assert not missed(mail, lines)

    reasons = Counter(line.reason for lines in not_kept.values() for line in lines)
    opened = {file for file, lines in not_kept.items() for line in lines if line.reason == "container"}
    assert set(reasons) <= {"inline image", "container"}
    assert opened == {"MimeKit/eabb3a2fd0-rich-text.eml", "MimeKit/de9012fe85-ukr.eml"}
