"""How many objects a second go into an archive in S3, with 1 and with 16 threads: `make bench-s3`.

The service is a real Ceph Object Gateway on this machine, all of it in memory, so the figures are those of
postroom, its HTTP and that service, and of no disk and no network.  Compare ratios, not machines.
"""

from __future__ import annotations

import hashlib
import os
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from postroom.storage.store import ObjectStore
from tests.servers.archives import FolderStock, stock_in
from tests.servers.fixtures import running_rgw

BYTES, OBJECTS, ROUNDS = 20_000, 240, 3


def main() -> None:
    """Print objects put and got each second: the median of some rounds, for S3 and for a folder beside it."""
    with running_rgw() as server, tempfile.TemporaryDirectory() as folder:
        print(f"{OBJECTS} objects of {BYTES} bytes, median of {ROUNDS} rounds; objects/s")
        report("S3 (Ceph RGW)", stock_in(server.service, Path(folder) / "drafts").store)
        report("folder, fsync", FolderStock(Path(folder) / "archive").store)


def report(title: str, store: ObjectStore) -> None:
    """Print one line for each number of threads."""
    for threads in (1, 16):
        rounds = [measured(store, threads) for _ in range(ROUNDS)]
        put, got = (statistics.median(figures) for figures in zip(*rounds, strict=True))
        print(f"{title:<14} {threads:>2} threads  put {put:7.0f}  get {got:7.0f}")


def measured(store: ObjectStore, threads: int) -> tuple[float, float]:
    """Return objects put and objects got each second by so many threads."""
    contents = [os.urandom(BYTES) for _ in range(OBJECTS)]
    objects = {hashlib.sha256(content).hexdigest(): content for content in contents}
    with ThreadPoolExecutor(threads) as pool:
        started = time.perf_counter()
        list(pool.map(lambda pair: store.put(f"bench/{pair[0]}", pair[1]), objects.items()))
        between = time.perf_counter()
        list(pool.map(lambda digest: store.get(f"bench/{digest}", digest), objects))
        ended = time.perf_counter()
    return OBJECTS / (between - started), OBJECTS / (ended - between)


if __name__ == "__main__":
    main()
