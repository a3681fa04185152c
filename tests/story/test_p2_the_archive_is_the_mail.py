"""P2: archived bytes are the fetched bytes, their digest is in the row, and every read checks it."""

from __future__ import annotations

from pathlib import Path

import pytest

from postroom import maildir
from postroom.errors import ObjectCorrupt, SourceChanged
from postroom.jobs.polling import poll
from tests.house import PDF, Postroom, sha256
from tests.mailbox import mail

CORPUS = [
    pytest.param(mail(po=PDF), id="plain"),
    pytest.param(mail().replace(b"\r\n", b"\n"), id="bare LF"),
    pytest.param(mail() + b"\r\n\r\n\x00\xff\xfe trailing", id="8-bit and NUL behind the end"),
    pytest.param(mail().replace(b"Subject: an order", b"Subject:   an\r\n\t order  "), id="odd folding"),
    pytest.param(mail() + b"no line end at the end", id="no line end"),
]


@pytest.mark.parametrize("raw", CORPUS)
def test_the_archive_holds_the_mail_byte_for_byte(postroom: Postroom, raw: bytes) -> None:
    postroom.take_in(raw)

    (message,) = postroom.messages()
    assert postroom.archive.read(message.raw_key) == raw
    assert (message.raw_sha256, message.size_bytes) == (sha256(raw), len(raw))


def test_a_document_holds_the_bytes_that_were_sent(postroom: Postroom) -> None:
    content = PDF + bytes(range(256)) * 40

    postroom.take_in(mail(po=content))

    (document,) = postroom.documents()
    assert postroom.archive.read(document.object_key) == content
    assert (document.sha256, document.size_bytes) == (sha256(content), len(content))


def test_an_archived_mail_that_changed_is_noticed_and_never_parsed(postroom: Postroom) -> None:
    postroom.orders.put(mail(po=PDF))
    postroom.poll()
    (message,) = postroom.messages()
    raw = postroom.archive.read(message.raw_key)
    postroom.archive.replace(message.raw_key, raw.replace(b"two", b"six"))

    for _ in range(3):
        postroom.extract()
        postroom.clock.later(3600)

    (message,) = postroom.messages()
    assert message.status.value == "failed"
    assert message.error_json is not None
    assert message.error_json["code"] == "E-OBJECT-CORRUPT"
    assert postroom.documents() == []


def test_who_still_holds_a_maildir_file_open_cannot_change_the_archive(
    postroom: Postroom, tmp_path: Path
) -> None:
    maildir.create(tmp_path / "Maildir")
    name = maildir.deliver(tmp_path / "Maildir", mail())
    with (tmp_path / "Maildir" / "new" / name).open("r+b") as still_open:
        poll(postroom.kit(postroom.maildir(tmp_path / "Maildir")), postroom.house, limit=10)

        still_open.write(b"Subject: forged afterwards\r\n")
        still_open.flush()

        (message,) = postroom.messages()
        assert postroom.archive.read(message.raw_key) == mail()


def test_a_mail_that_changes_between_reading_and_archiving_is_not_archived(postroom: Postroom) -> None:
    postroom.orders.put(mail())
    (batch,) = postroom.orders.batches(postroom.memory("orders"), limit=10)
    batch.fetched[0].path.write_bytes(b"Subject: something else\r\n\r\n")

    with pytest.raises(SourceChanged, match="changed"):
        postroom.accept(batch)

    assert postroom.archive.objects() == []
    assert postroom.messages() == []


def test_every_read_checks_the_digest(postroom: Postroom) -> None:
    postroom.archive.put("a/b", b"mail")

    with pytest.raises(ObjectCorrupt):
        postroom.archive.get("a/b", sha256(b"another mail"))
