"""Take the documents out of one archived mail, and say what became of every part."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from uuid import UUID

from postroom.core.keys import document_key
from postroom.core.lifecycle import SUSPECT
from postroom.core.rules import Standard
from postroom.db.outcomes import Extracted
from postroom.db.values import Claim, LedgerPart
from postroom.failpoints import reach
from postroom.pipeline.inside import Opening
from postroom.pipeline.pages import Pages
from postroom.pipeline.parts import Dissection
from postroom.pipeline.scratch import scratch
from postroom.stages import stage
from postroom.storage.store import ObjectStore, View


def extract(claim: Claim, *, store: ObjectStore, standard: Standard, opening: Opening) -> Extracted:
    """Put a claimed message's documents into the archive; return what is to be written down of it.

    Safe to repeat from any point: objects are content-addressed, and rows come later.  A message that
    processes died over is tried by a child first.  Raises StoreUnavailable (an outage), ObjectMissing,
    ObjectCorrupt, MessageDeadly (this message's own trouble).
    """
    reach("extract.claimed")
    with ExitStack() as held:
        with stage("read"):
            view = held.enter_context(store.opened(claim.raw_key, claim.raw_sha256))
        reach("extract.opened")
        _try_if_suspect(claim, view, opening)
        with stage("take apart"):
            mail = Dissection(Pages(view), standard=standard, store=store, opening=opening)
            ledger = _kept(mail, claim.org_id)
    return Extracted(claim, ledger, tuple(mail.defects), tuple(mail.limits))


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
