"""The memory that one mail takes does not grow with its size, from the spool to its document."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

import pytest

from postroom import maildir
from tests.footprint import growth_mb
from tests.mailbox import mail

MB = 1_000_000
HOUSE = """
from dataclasses import replace
from postroom import maildir
from postroom.core.limits import DEFAULT_LIMITS
from tests.databases import fresh_sqlite
from tests.house import Postroom
from tests.mailbox import mail

folder = Path({folder!r})
limits = replace(DEFAULT_LIMITS, message_bytes=200_000_000, attachment_bytes=200_000_000)
room = Postroom(folder, database_url=fresh_sqlite(folder), limits=limits)
maildir.create(folder / "warm")
maildir.deliver(folder / "warm", mail("<warm@x>", order=b"%PDF-1.4 " + bytes(3_000_000)))
room.poll(room.maildir(folder / "warm"))
assert room.extract().documents == 1
"""
TAKEN_IN = """
assert room.poll(room.maildir(folder / "Maildir")).taken == 1
assert room.extract().documents == {documents}
"""
HELD = """
document = room.documents()[-1]
assert (document.size_bytes, document.sha256) == ({size}, {sha256!r}), document
"""


def test_a_mail_of_100_mb_becomes_its_document_in_the_memory_of_a_few_blocks(tmp_path: Path) -> None:
    maildir.create(tmp_path / "Maildir")
    content = b"%PDF-1.4 " + bytes(range(250)) * (73 * MB // 250)
    lines = base64.encodebytes(content).replace(b"\n", b"\r\n")
    top, end = mail("<huge@x>", order=b"@").split(base64.b64encode(b"@"))
    (tmp_path / "Maildir" / "new" / "1.huge").write_bytes(top + lines + end)

    grown = growth_mb(
        HOUSE.format(folder=str(tmp_path)),
        TAKEN_IN.format(documents=1)
        + HELD.format(size=len(content), sha256=hashlib.sha256(content).hexdigest()),
    )

    assert len(lines) > 99 * MB
    assert grown <= 16


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"X-Filler: " + b"x" * 60 + b"\r\n", id="fields"),
        pytest.param(b"x" * 70 + b"\r\n", id="text"),
        pytest.param(b"x" * 70, id="one line"),
    ],
)
def test_a_mail_of_100_mb_without_a_blank_line_is_taken_in_the_memory_of_a_few_blocks(
    tmp_path: Path, line: bytes
) -> None:
    maildir.create(tmp_path / "Maildir")
    top = mail("<huge@x>").partition(b"\r\n\r\n")[0] + b"\r\n"
    (tmp_path / "Maildir" / "new" / "1.huge").write_bytes(top + line * (100 * MB // len(line)))

    grown = growth_mb(HOUSE.format(folder=str(tmp_path)), TAKEN_IN.format(documents=0))

    assert grown <= 16
