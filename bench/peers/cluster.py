"""postroom and the naive program with rows in PostgreSQL and objects in S3 (Ceph's Object Gateway)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from bench.peers.corpus import Corpus
from bench.peers.judging import judge_rows, missing
from bench.peers.peer import Account, Peer
from bench.peers.taking import NAIVE, POSTROOM, postroom, program
from bench.tree import Command
from tests.servers.fixtures import running_postgres, running_rgw
from tests.servers.postgres import Postgres
from tests.servers.rgw import Rgw


class Rooms:
    """A database and a bucket of its own for each run, by the name of its folder."""

    def __init__(self, postgres: Postgres, rgw: Rgw) -> None:
        self._postgres, self._rgw = postgres, rgw
        self._rooms: dict[str, tuple[str, str]] = {}

    def ours(self, account: Account, folder: Path, mails: int) -> Command:
        database, bucket = self._made(folder)
        service = self._rgw.service
        keys = f'access_key = "{service.access_key}"\nsecret_key = "{service.secret_key}"\n'
        storage = f'[storage]\nurl = "{service.storage(bucket, "mail").url}"\n{keys}'
        return postroom(account, folder, mails, more=self._postgres.section(database) + storage)

    def naive(self, account: Account, folder: Path, _mails: int) -> Command:
        database, bucket = self._made(folder)
        url = self._postgres.url(database).replace("postgresql+psycopg://", "postgresql://")
        service = self._rgw.service
        return program(
            "naive.py", account, folder, url, service.endpoint, bucket, service.access_key, service.secret_key
        )

    def judge(self, corpus: Corpus, folder: Path, *, message: str) -> None:
        """Raise NotCounted unless all is in the bucket, and has its row in `message` or in document."""
        database, bucket = self._rooms[folder.name]
        client = self._rgw.service.client()

        def digest(key: str) -> str:
            return hashlib.sha256(client.get_object(Bucket=bucket, Key=key)["Body"].read()).hexdigest()

        with ThreadPoolExecutor(4) as pool:
            found = set(pool.map(digest, self._rgw.service.keys(bucket)))
        missing(found, {entry.sha256 for entry in corpus.entries}, "mails")
        missing(found, {attachment.sha256 for attachment in corpus.attachments}, "attachments")
        judge_rows(
            corpus,
            self._rows(f"SELECT raw_key, raw_sha256, status::text FROM {message}", database),
            self._rows("SELECT object_key, sha256 FROM document", database),
        )

    def clean(self, folder: Path) -> None:
        """Empty the bucket: the gateway of the tests keeps all in memory."""
        _, bucket = self._rooms[folder.name]
        client = self._rgw.service.client()
        for key in self._rgw.service.keys(bucket):
            client.delete_object(Bucket=bucket, Key=key)

    def _made(self, folder: Path) -> tuple[str, str]:
        room = (self._postgres.make_database(), self._rgw.service.fresh_bucket())
        self._rooms[folder.name] = room
        return room

    def _rows(self, query: str, database: str) -> Any:
        return self._postgres.execute(query, database=database)


@contextmanager
def cluster_peers() -> Iterator[tuple[Peer, Peer]]:
    """Yield postroom and the naive program, as long as the servers behind them run."""
    with running_postgres(fsync=True) as postgres, running_rgw() as rgw:
        rooms = Rooms(postgres, rgw)
        yield (
            Peer(
                POSTROOM,
                "rows in PostgreSQL, objects in S3",
                "",
                "",
                rooms.ours,
                partial(rooms.judge, message="inbound_message"),
                rooms.clean,
            ),
            Peer(
                NAIVE,
                "the same, a commit and a PUT per step",
                "",
                "",
                rooms.naive,
                partial(rooms.judge, message="message"),
                rooms.clean,
            ),
        )
