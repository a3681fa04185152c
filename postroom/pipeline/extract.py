"""Take the documents out of one archived mail, and write down what became of every part."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import structlog

from postroom.core.keys import document_key
from postroom.core.rules import Standard
from postroom.db.protocols import Workbench
from postroom.db.values import Claim, LedgerPart
from postroom.failpoints import reach
from postroom.pipeline.inside import Opening
from postroom.pipeline.pages import Pages
from postroom.pipeline.parts import Dissection
from postroom.pipeline.scratch import scratch
from postroom.storage.store import ObjectStore, View

_log: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger("postroom.extract")

SUSPECT = 2
"""How many deaths make a message suspect: one is everyday, a host that was switched off."""


def extract(
    claim: Claim,
    *,
    store: ObjectStore,
    workbench: Workbench,
    standard: Standard,
    opening: Opening,
    now: Callable[[], datetime],
) -> int:
    """Write a claimed message's documents and ledger, go to PARSED; return the number of new documents.

    Safe to repeat from any point: objects are content-addressed, and rows come in one transaction at the end.
    A message that processes died over is tried by a child first.  Raises StoreUnavailable,
    DatabaseUnavailable (outages), ObjectMissing, ObjectCorrupt, MessageDeadly (this message's own trouble),
    LeaseLost.
    """
    started = time.monotonic()
    reach("extract.claimed")
    with store.opened(claim.raw_key, claim.raw_sha256) as view:
        reach("extract.opened")
        _try_if_suspect(claim, view, opening)
        mail = Dissection(Pages(view), standard=standard, store=store, opening=opening)
        ledger = _kept(mail, claim.org_id)
    documents = workbench.finish(claim, ledger, now(), defects=mail.defects, limits=mail.limits)
    reach("extract.finished")
    _log.info(
        "parsed",
        org=claim.org,
        message_id=claim.source_message_id,
        row=str(claim.message_id),
        bytes=claim.size_bytes,
        documents=documents,
        limits=list(mail.limits),
        defects=sum(len(part.defects) for part in ledger),
        ms=round((time.monotonic() - started) * 1000, 1),
    )
    return documents


def _try_if_suspect(claim: Claim, view: View, opening: Opening) -> None:
    if claim.deaths >= SUSPECT:
        with scratch(opening.scratch, view) as place:
            opening.rehearse(place.content)


def _kept(mail: Dissection, org_id: UUID) -> tuple[LedgerPart, ...]:
    """Put what is kept into the archive, each before there is a row that names it; return the ledger."""
    ledger: dict[str, LedgerPart] = {}
    for part, content in mail.parts():
        ledger[part.path] = part
        if part.kept and part.sha256:
            key = document_key(org_id, part.sha256)
            content.keep(key)
            reach("extract.kept")
            ledger[part.path] = replace(part, object_key=key)
    return tuple(ledger.values())
