"""Real and tortured mails, compared with what two other parsers found in them."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from postroom.core.decode import Decoded, decode
from postroom.core.kinds import Verdict, judge
from postroom.core.mime import walk
from postroom.core.part import Part

CORPUS = os.environ.get("POSTROOM_CORPUS", "")
BASE64_TEXT = re.compile(rb"(?:[A-Za-z0-9+/]{60,76}\r?\n){3,}[A-Za-z0-9+/=\r\n]*")

KEPT = {"attachment", "named part", "inline document", "message", "signature", "encrypted"}

Mail = dict[str, Any]


@pytest.fixture(scope="module")
def mails() -> list[Mail]:
    if not CORPUS:
        pytest.skip("set POSTROOM_CORPUS to a folder of torture mails")
    listed: list[Mail] = json.loads(Path(CORPUS, "attachments.json").read_text(encoding="utf-8"))
    return listed


def taken_apart(mail: Mail) -> list[tuple[Part, Decoded, Verdict]]:
    raw = Path(CORPUS, mail["file"]).read_bytes()
    decoded = [(part, decode(raw, part)) for part in walk(raw).leaves]
    return [
        (part, found, judge(part, len(found.content), referenced_cids=frozenset())) for part, found in decoded
    ]


def missed(mail: Mail, reasons: set[str]) -> list[str]:
    """Return the digests on which the two agree and that none of our parts with these reasons has."""
    found = [
        found.content for _, found, verdict in taken_apart(mail) if verdict.reason in reasons or not reasons
    ]
    wanted = Counter(attachment["sha256"] for attachment in mail["gmime"])
    return sorted((wanted - Counter(hashlib.sha256(content).hexdigest() for content in found)).elements())


def test_no_torture_mail_raises(mails: list[Mail]) -> None:
    parts = sum(len(taken_apart(mail)) for mail in mails)

    assert parts >= len(mails) > 0


def test_no_document_is_base64_that_nobody_decoded(mails: list[Mail]) -> None:
    undecoded = [
        mail["file"]
        for mail in mails
        for part, found, verdict in taken_apart(mail)
        if verdict.kept and BASE64_TEXT.fullmatch(found.content)
        # A piece of a larger mail is text as it stands; an encoding that nobody knows is said.
        if part.content_type != "message/partial" and "unknown transfer encoding" not in found.defects
    ]

    assert undecoded == []


def test_what_two_other_parsers_agree_on_is_found(mails: list[Mail]) -> None:
    agreed = [mail for mail in mails if mail["agreed"] and mail["gmime"]]

    misses = {mail["file"]: digests for mail in agreed if (digests := missed(mail, set()))}

    assert len(misses) <= 0.01 * len(agreed), misses


def test_what_two_other_parsers_agree_on_becomes_documents(mails: list[Mail]) -> None:
    agreed = [mail for mail in mails if mail["agreed"] and mail["gmime"]]

    misses = {mail["file"]: digests for mail in agreed if (digests := missed(mail, KEPT))}

    assert misses == {}
