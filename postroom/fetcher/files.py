"""Mails in files: one message, an mbox, a Maildir, or a folder of .eml files."""

from __future__ import annotations

import hashlib
import mailbox
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from postroom import maildir
from postroom.core.headers import read_header_block
from postroom.core.places import Place
from postroom.errors import FileFault, NotAMessage
from postroom.fetcher.source import Fetched

INGEST = "ingest"
"""The source name of mails taken by hand."""

Skipped = NotAMessage | FileFault
"""Why a file was not taken."""

_LOOKED_AT = 64 * 1024


def mails_in(path: Path, spool: Path, skipped: list[Skipped]) -> Iterator[Fetched]:
    """Yield every mail in `path`, oldest name first; the mails of an mbox are spooled one at a time.

    A file without any header field, and in a folder one that cannot be read, goes to `skipped` and holds up
    no other.  A yielded spool file lives until the next mail is asked for.  Raises FileFault.
    """
    with _explained(path):
        if path.is_dir():
            yield from _each(_files_in(path), skipped)
        elif _starts_an_mbox(path):
            yield from _mbox(path, spool)
        else:
            try:
                yield _whole_file(path)
            except NotAMessage as error:
                skipped.append(error)


def _each(files: Iterable[Path], skipped: list[Skipped]) -> Iterator[Fetched]:
    for file in files:
        try:
            with _explained(file):
                fetched = _whole_file(file)
        except (NotAMessage, FileFault) as error:
            skipped.append(error)
        else:
            yield fetched


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FileFault(
            f"cannot read {path}: {error.strerror}", fix="check the name and its rights"
        ) from error


def _files_in(folder: Path) -> list[Path]:
    if (folder / "new").is_dir() and (folder / "cur").is_dir():
        return [folder / shelf / name for shelf in ("cur", "new") for name in maildir.listing(folder, shelf)]
    return sorted(path for path in folder.iterdir() if path.suffix.lower() == ".eml" and path.is_file())


def _starts_an_mbox(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(5) == b"From "


def _whole_file(path: Path) -> Fetched:
    with path.open("rb") as file:
        if not read_header_block(file.read(_LOOKED_AT)).fields:
            raise NotAMessage(
                f"{path} has no header field", fix="give a message as RFC 5322 has it, or an mbox"
            )
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return _fetched(path, path, path.name, digest)


def _mbox(path: Path, spool: Path) -> Iterator[Fetched]:
    spool.mkdir(mode=0o700, parents=True, exist_ok=True)
    box = mailbox.mbox(path, create=False)
    try:
        for number, key in enumerate(box.keys(), start=1):
            raw = box.get_bytes(key)
            spooled = spool / f"{INGEST}-{number}"
            spooled.write_bytes(raw)
            yield _fetched(path, spooled, f"{path.name}#{number}", hashlib.sha256(raw).hexdigest())
            spooled.unlink(missing_ok=True)
    finally:
        box.close()


def _fetched(origin: Path, path: Path, name: str, sha256: str) -> Fetched:
    status = path.stat()
    return Fetched(
        place=Place(INGEST, str(origin.parent.absolute()), file_name=name),
        path=path.resolve(),  # a person may name a link; whoever reads the file later follows none
        sha256=sha256,
        size_bytes=status.st_size,
        internal_date=datetime.fromtimestamp(origin.stat().st_mtime, UTC),
    )
