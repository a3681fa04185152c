"""Take the documents out of one archived mail, and write down what became of every part."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import structlog

from postroom.core.keys import document_key
from postroom.core.limits import Limits
from postroom.db.protocols import Workbench
from postroom.db.values import Claim
from postroom.pipeline.parts import take_apart
from postroom.storage.store import ObjectStore

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.extract")


def extract(
    claim: Claim, *, store: ObjectStore, workbench: Workbench, limits: Limits, now: Callable[[], datetime]
) -> int:
    """Write a claimed message's documents and ledger, go to PARSED; return the number of new documents.

    Safe to repeat from any point: objects are content-addressed, and rows come in one transaction at the end.
    Raises StoreUnavailable, DatabaseUnavailable (outages), ObjectMissing, ObjectCorrupt (this message's own
    trouble), LeaseLost.
    """
    started = time.monotonic()
    raw = store.get(claim.raw_key, claim.raw_sha256)
    parts = []
    for part, content in take_apart(raw, limits):
        if part.kept and part.sha256:
            key = document_key(claim.org_id, part.sha256)
            store.put(key, content)  # durable before the row that names it
            parts.append(replace(part, object_key=key))
        else:
            parts.append(part)
    documents = workbench.finish(claim, parts, now())
    _log.info(
        "parsed",
        org=claim.org,
        message_id=claim.source_message_id,
        row=str(claim.message_id),
        bytes=claim.size_bytes,
        documents=documents,
        defects=sum(len(part.defects) for part in parts),
        ms=round((time.monotonic() - started) * 1000, 1),
    )
    return documents
