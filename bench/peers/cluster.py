"""postroom and the naive program with rows in PostgreSQL and objects in S3 (Ceph's Object Gateway)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
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
from tests.servers.s3 import S3Service


@dataclass(frozen=True, slots=True)
class Room:
    """What one run has for itself; `leave` ends the gateway, and with it all that it stored."""

    database: str
    service: S3Service
    bucket: str
    leave: Callable[[], None]


class Rooms:
    """A database, and a gateway with a bucket, for each run, by the name of its folder.

    The tests' gateway keeps objects in memory, and deleted ones for hours; so each run gets another.
    """

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._rooms: dict[str, Room] = {}

    def ours(self, account: Account, folder: Path, corpus: Corpus) -> Command:
        room = self._made(folder)
        keys = f'access_key = "{room.service.access_key}"\nsecret_key = "{room.service.secret_key}"\n'
        storage = f'[storage]\nurl = "{room.service.storage(room.bucket, "mail").url}"\n{keys}'
        return postroom(account, folder, corpus, more=self._postgres.section(room.database) + storage)

    def naive(self, account: Account, folder: Path, _corpus: Corpus) -> Command:
        room = self._made(folder)
        url = self._postgres.url(room.database).replace("postgresql+psycopg://", "postgresql://")
        keys = (room.service.endpoint, room.bucket, room.service.access_key, room.service.secret_key)
        return program("naive.py", account, folder, url, *keys)

    def judge(self, corpus: Corpus, folder: Path, *, message: str) -> None:
        """Raise NotCounted unless all is in the bucket, and has its row in `message` or in document."""
        room = self._rooms[folder.name]
        client = room.service.client()

        def digest(key: str) -> str:
            return hashlib.sha256(client.get_object(Bucket=room.bucket, Key=key)["Body"].read()).hexdigest()

        with ThreadPoolExecutor(4) as pool:
            found = set(pool.map(digest, room.service.keys(room.bucket)))
        missing(found, {entry.sha256 for entry in corpus.entries}, "mails")
        missing(found, {attachment.sha256 for attachment in corpus.attachments}, "attachments")
        judge_rows(
            corpus,
            self._rows(f"SELECT raw_key, raw_sha256, status::text FROM {message}", room),
            self._rows("SELECT object_key, sha256 FROM document", room),
        )

    def clean(self, folder: Path) -> None:
        """End the gateway of a run, if there was one."""
        room = self._rooms.pop(folder.name, None)
        if room:
            room.leave()

    def _made(self, folder: Path) -> Room:
        open_ones = ExitStack()
        service = open_ones.enter_context(running_rgw()).service
        room = Room(self._postgres.make_database(), service, service.fresh_bucket(), open_ones.close)
        self._rooms[folder.name] = room
        return room

    def _rows(self, query: str, room: Room) -> Any:
        return self._postgres.execute(query, database=room.database)


@contextmanager
def cluster_peers() -> Iterator[tuple[Peer, Peer]]:
    """Yield postroom and the naive program, as long as the PostgreSQL behind them runs."""
    with running_postgres(fsync=True) as postgres:
        rooms = Rooms(postgres)
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
