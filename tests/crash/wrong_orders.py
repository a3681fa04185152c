"""What must be durable first is relied on first: the orders that the proof of the order has to notice."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from itertools import product
from threading import current_thread
from typing import Any

from postroom.fetcher.source import Batch
from tests.crash.swapping import swap


def settle_before_the_commit() -> None:
    """Let the source forget a batch before anything of it is archived or committed."""
    from postroom.pipeline import accept  # noqa: PLC0415  (only where it is sabotaged)

    honest = accept._accept  # noqa: SLF001  (what is broken on purpose)

    def hasty(batch: Batch, desk: Any, how: Any, **more: Any) -> Any:
        how.settle([fetched.place for fetched in batch.fetched])
        return honest(batch, desk, how, **more)

    swap("_accept", honest, hasty)


def commit_before_the_archive() -> None:
    """Let the rows of a batch be committed first, and its raw mails be archived then."""
    from postroom.pipeline import accept, archiving  # noqa: PLC0415  (only where it is sabotaged)

    honest, put_all = accept._archive_and_commit, archiving.put_all  # noqa: SLF001  (what is broken on purpose)
    owed: list[Callable[[], Any]] = []

    def put_none(files: Sequence[Any], store: Any) -> list[None]:
        owed.append(lambda: put_all(files, store))
        return [None] * len(files)

    def hasty(*given: Any) -> Any:
        committed = honest(*given)
        while owed:
            owed.pop()()
        return committed

    swap("put_all", put_all, put_none)
    swap("_archive_and_commit", honest, hasty)


def parsed_before_the_documents() -> None:
    """Let messages go to PARSED first, and their documents be archived then."""
    from postroom.db.workbench import SqlWorkbench  # noqa: PLC0415  (only where it is sabotaged)
    from postroom.pipeline.tray import Tray  # noqa: PLC0415  (as above)

    honest = SqlWorkbench.finish
    owed: list[Callable[[], Any]] = []

    def keep(self: Any, key: str) -> None:
        content = bytes(self._small)
        owed.append(lambda: self._store.put(key, content))

    def finish(*given: Any) -> Any:
        counts = honest(*given)
        while owed:
            owed.pop()()
        return counts

    setattr(Tray, "keep", keep)  # noqa: B010  (mypy refuses the plain assignment)
    setattr(SqlWorkbench, "finish", finish)  # noqa: B010  (as above)


def parsed_too_soon() -> None:
    """Let messages be PARSED for a moment when they are claimed, without any row of a document."""
    from sqlalchemy import update  # noqa: PLC0415  (only where it is sabotaged)

    from postroom.core.lifecycle import Status  # noqa: PLC0415  (as above)
    from postroom.db.tables import INBOUND_MESSAGE  # noqa: PLC0415  (as above)
    from postroom.db.workbench import SqlWorkbench  # noqa: PLC0415  (as above)

    honest = SqlWorkbench.claim

    def claim(self: Any, **how: Any) -> Any:
        claims = honest(self, **how)
        for each, status in product(claims, (Status.PARSED, Status.STORED)):
            with self._database.write(org=each.org_id) as connection:
                this = (INBOUND_MESSAGE.c.org_id == each.org_id, INBOUND_MESSAGE.c.id == each.message_id)
                connection.execute(update(INBOUND_MESSAGE).where(*this).values(status=status))
        return claims

    setattr(SqlWorkbench, "claim", claim)  # noqa: B010  (mypy refuses the plain assignment)


def commit_without_a_sync() -> None:
    """Let every commit be one that need not last."""
    from postroom.db.engine import Database  # noqa: PLC0415  (only where it is sabotaged)

    honest = Database.write
    hasty: Any = lambda *given, **scope: honest(*given, **{**scope, "lasts": False})  # noqa: E731
    setattr(Database, "write", hasty)  # noqa: B010  (mypy refuses the plain assignment)


def never_look_afterwards() -> None:
    """Let S3 be trusted to have what it was sent."""
    from postroom.storage import s3_sending  # noqa: PLC0415  (only where it is sabotaged)

    swap("_require", s3_sending._require, lambda *_object: None)  # noqa: SLF001  (what is broken on purpose)


def never_sync(threads: str = "") -> None:
    """Let fsync say that all is durable, and do nothing, in threads of such a name; everywhere by default."""
    honest = os.fsync

    def careless(fd: Any) -> None:
        if not current_thread().name.startswith(threads):
            honest(fd)

    os.fsync = careless
