"""P8: a container that hangs or kills its decoder costs its own message an attempt, and nothing else."""

from __future__ import annotations

import io
import resource
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from postroom.core.limits import DEFAULT_LIMITS
from postroom.db.tables import PART
from tests.containers import Packed, endless, winmail
from tests.house import PDF, Postroom
from tests.mailbox import mail

QUICK = replace(DEFAULT_LIMITS, unpack_seconds=3.0)
GOOD = winmail(Packed(PDF, name="scan.pdf"))

Open = Callable[..., Postroom]


def ledger(postroom: Postroom) -> dict[str, tuple[bool, str]]:
    """Return path → kept and reason of all parts of the only message."""
    return {part.path: (part.kept, part.reason) for part in postroom.rows(PART, PART.c.path)}


@contextmanager
def few_descriptors(more: int) -> Iterator[None]:
    """Let this process open only so many files more than it has open now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(list(Path("/proc/self/fd").iterdir())) + more, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_what_is_in_a_winmail_becomes_documents(postroom: Postroom) -> None:
    inner = winmail(Packed(b"1;2", name="lines.csv"))
    outer = winmail(Packed(PDF, name="scan.pdf"), Packed(name="FW", message=inner))

    postroom.take_in(mail(winmail=outer))

    assert [(each.part_path, each.filename) for each in postroom.documents()] == [
        ("2.1", "scan.pdf"),
        ("2.2.1", "lines.csv"),
    ]
    assert ledger(postroom)["2"] == (False, "container")
    assert ledger(postroom)["2.2"] == (False, "container")
    assert all(part.sha256 for part in postroom.rows(PART, PART.c.path))


def test_a_deadly_container_costs_its_message_an_attempt_and_no_other(open_postroom: Open) -> None:
    postroom = open_postroom(limits=QUICK)

    tally = postroom.take_in(mail("<1@x>", winmail=endless()), mail("<2@x>", winmail=GOOD))

    deadly, good = sorted(postroom.messages(), key=lambda message: message.source_message_id)
    assert (tally.failed, tally.documents) == (0, 1)
    assert (deadly.status.value, deadly.attempts, good.status.value) == ("stored", 1, "parsed")
    assert deadly.error_json is not None
    assert deadly.error_json["code"] == "E-DECODER"


def test_at_the_last_attempt_the_rest_of_the_mail_becomes_documents(open_postroom: Open) -> None:
    postroom = open_postroom(limits=QUICK)
    postroom.take_in(mail(winmail=endless(), invoice=PDF))

    for _ in range(2):
        postroom.clock.later(3600)
        postroom.take_in()

    (message,) = postroom.messages()
    assert (message.status.value, message.attempts) == ("parsed", 3)
    assert [each.filename for each in postroom.documents()] == ["winmail.pdf", "invoice.pdf"]
    assert ledger(postroom)["2"] == (True, "not unpacked")


def test_nothing_of_an_opened_container_stays_behind(postroom: Postroom) -> None:
    postroom.take_in(mail(winmail=GOOD))

    assert list((postroom.folder / "spool").glob("postroom-*")) == []


def test_a_container_may_hold_more_files_than_a_process(open_postroom: Open) -> None:
    postroom = open_postroom(limits=replace(DEFAULT_LIMITS, unpack_zip=True, attachments=300))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for number in range(200):
            archive.writestr(f"{number}.csv", f"{number};x;y")

    with few_descriptors(100):
        tally = postroom.take_in(mail(many=out.getvalue()))

    assert (tally.documents, postroom.statuses()) == (200, ["parsed"])
