"""A child that dies, hangs or eats costs its own container and nothing else."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from postroom.core.part import Part
from postroom.errors import DecoderDied, DecoderUnavailable
from postroom.unpack import opener
from postroom.unpack.children import Children
from postroom.unpack.container import Unpacked
from postroom.unpack.last_attempt import LastAttempt
from postroom.unpack.opener import Opener, open_containers
from postroom.unpack.order import BEGUN
from tests.containers import Packed, endless, signed, winmail
from tests.servers.waiting import wait_until
from tests.unit.unpack.opening import QUICK, ROOM, opened

ENDLESS = endless()
GOOD = winmail(Packed(b"good", name="good.txt"))
PART = Part("2", 0, 0, 0, content_type="application/ms-tnef")
CMS = "application/pkcs7-mime; smime-type=signed-data"


def child_of(pid: int, named: str) -> int | None:
    """Return the child of a process whose command line has that word, None while there is none."""
    for status in Path("/proc").glob("[0-9]*/status"):
        try:
            is_ours = f"PPid:\t{pid}\n" in status.read_text()
            if is_ours and named in (status.parent / "cmdline").read_text():
                return int(status.parent.name)
        except OSError:
            continue
    return None


def open_and_meet(folder: Path, met: signal.Signals) -> Unpacked:
    """Open the endless container, and send its child a signal once it has begun."""
    with ThreadPoolExecutor(1) as threads:
        limits = replace(QUICK, unpack_seconds=20.0)
        future = threads.submit(opened, folder, "tnef", ENDLESS, limits=limits)
        wait_until((folder / "into" / BEGUN).exists, "the child begins")
        child = child_of(os.getpid(), str(folder))
        assert child is not None
        os.kill(child, met)
        return future.result().answer


def test_a_decoder_that_goes_on_for_ever_is_ended(tmp_path: Path) -> None:
    limits = replace(QUICK, unpack_seconds=1.0)

    with pytest.raises(DecoderDied, match=r"took longer than 1 s|was not done after 5 s"):
        opened(tmp_path, "tnef", ENDLESS, limits=limits)


def test_a_decoder_that_stands_still_is_ended(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as threads:
        limits = replace(QUICK, unpack_seconds=1.0)
        future = threads.submit(opened, tmp_path, "tnef", ENDLESS, limits=limits)
        wait_until((tmp_path / "into" / BEGUN).exists, "the child begins")
        child = child_of(os.getpid(), str(tmp_path))
        assert child is not None
        os.kill(child, signal.SIGSTOP)

        with pytest.raises(DecoderDied, match="was not done after 5 s"):
            future.result()

    assert not Path(f"/proc/{child}").exists()


def test_a_killed_decoder_is_this_containers_own_trouble(tmp_path: Path) -> None:
    with pytest.raises(DecoderDied, match="was killed by SIGKILL"):
        open_and_meet(tmp_path, signal.SIGKILL)


def test_a_decoder_that_the_shutdown_ended_is_no_containers_fault(tmp_path: Path) -> None:
    with pytest.raises(DecoderUnavailable, match="ended from outside"):
        open_and_meet(tmp_path, signal.SIGTERM)


def test_the_next_container_is_opened_as_if_nothing_had_been(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with pytest.raises(DecoderDied):
        opened(tmp_path / "one", "tnef", ENDLESS, limits=replace(QUICK, unpack_seconds=1.0))

    found = opened(tmp_path / "two", "tnef", GOOD)

    assert found.files == [("good.txt", b"good")]


def test_a_decoder_that_wants_too_much_memory_says_so(tmp_path: Path) -> None:
    limits = replace(QUICK, unpack_memory_bytes=128 << 20)
    large = signed(tmp_path, b"Content-Type: a/b\r\n\r\n" + bytes(64 << 20))

    found = opened(tmp_path, "signed", large, limits=limits)

    assert found.files == []
    assert (found.answer.limits, found.answer.reason) == (("unpack_memory",), "not unpacked")


def test_a_disk_that_is_full_is_no_containers_fault(tmp_path: Path) -> None:
    (tmp_path / "content").write_bytes(GOOD)
    into = tmp_path / "into"
    into.mkdir()
    (into / "1").mkdir()

    with pytest.raises(DecoderUnavailable, match="cannot write"):
        open_containers(QUICK).unpack("tnef", tmp_path / "content", into, name="", room=ROOM)


def test_a_python_that_does_not_start_is_no_containers_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "no-such-python"))

    with pytest.raises(DecoderUnavailable, match="cannot be started: No such file"):
        opened(tmp_path, "tnef", GOOD)


def test_a_child_that_finds_no_postroom_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", "/bin/false")

    with pytest.raises(DecoderUnavailable, match="does not start: exit code 1"):
        opened(tmp_path, "tnef", GOOD)


def test_a_child_gets_no_secret_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSTROOM_MAILBOX__ORDERS__PASSWORD", "s3cret")
    with ThreadPoolExecutor(1) as threads:
        limits = replace(QUICK, unpack_seconds=3.0)
        future = threads.submit(opened, tmp_path, "tnef", ENDLESS, limits=limits)
        wait_until((tmp_path / "into" / BEGUN).exists, "the child begins")
        child = child_of(os.getpid(), str(tmp_path))

        environment = Path(f"/proc/{child}/environ").read_bytes()
        future.exception()

    assert b"PYTHONPATH=" in environment
    assert b"s3cret" not in environment


def test_at_the_last_attempt_a_deadly_container_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "content").write_bytes(ENDLESS)
    into = tmp_path / "into"
    into.mkdir()
    unpacker = LastAttempt(open_containers(replace(QUICK, unpack_seconds=1.0)))

    answer = unpacker.unpack("tnef", tmp_path / "content", into, name="", room=ROOM)

    (defect,) = answer.defects
    assert (answer.inner, answer.reason) == ((), "not unpacked")
    assert defect in {"the tnef decoder took longer than 1 s", "the tnef decoder was not done after 5 s"}


def test_without_the_extra_winmail_stays_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opener, "find_spec", lambda _name: None)

    found = opened(tmp_path, "tnef", GOOD)

    assert found.answer == Unpacked(reason="not unpacked", defects=("winmail.dat needs postroom[tnef]",))


@pytest.mark.parametrize(
    ("content_type", "sniffed", "kind"),
    [
        pytest.param("application/octet-stream", "application/ms-tnef", "tnef", id="winmail"),
        pytest.param("application/pkcs7-mime", CMS, "signed", id="signed"),
        pytest.param("application/octet-stream", CMS, "signed", id="signed, without the type"),
        pytest.param("application/pkcs7-signature", CMS, "", id="detached signature"),
        pytest.param(
            "application/pkcs7-mime", "application/pkcs7-mime; smime-type=enveloped-data", "", id="e"
        ),
        pytest.param("application/ms-tnef", "application/pdf", "", id="no winmail"),
        pytest.param("application/zip", "application/zip", "zip", id="zip"),
        pytest.param("application/zip", "application/vnd.oasis.opendocument.text", "", id="odt"),
    ],
)
def test_the_bytes_say_what_a_container_is(content_type: str, sniffed: str, kind: str) -> None:
    unpacker = Opener(Children(1), QUICK)

    assert unpacker.kind(replace(PART, content_type=content_type), sniffed) == kind


def test_a_zip_is_a_document_unless_asked_otherwise() -> None:
    unpacker = Opener(Children(1), replace(QUICK, unpack_zip=False))

    assert unpacker.kind(PART, "application/zip") == ""
