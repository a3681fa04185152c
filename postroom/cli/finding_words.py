"""What an audit found, in words: what, where, what to do."""

from __future__ import annotations

from typing import Any, Final

from postroom.cli.tables import shown
from postroom.cli.words import counted
from postroom.core.places import Place
from postroom.pipeline.reckoning import Counts, Finding, Trouble

_AGAIN = "postroom audit --repair extracts it again"
_LOST = "postroom audit --repair fetches it again if its source still has it; else restore the archive"
_WAYS_OUT: Final = {
    Trouble.RAW_MISSING: ("the archive does not have the raw mail", _LOST),
    Trouble.RAW_DAMAGED: ("the raw mail has other bytes than its row recorded", _LOST),
    Trouble.DOCUMENT_MISSING: ("the archive does not have the document", _AGAIN),
    Trouble.DOCUMENT_DAMAGED: ("the document has other bytes than its row recorded", _AGAIN),
    Trouble.NOT_WRITTEN: ("a part was kept and became no document", _AGAIN),
    Trouble.NOT_QUEUED: ("it waits for nobody", "postroom audit --repair queues it"),
    Trouble.NOT_OWED: ("its announcement waits for nobody", "postroom audit --repair queues it"),
    Trouble.NOT_TAKEN: ("the source holds it, and no poll takes it", "postroom audit --repair takes it"),
    Trouble.ORPHAN: (
        "no row names the object",
        "postroom audit --repair takes a raw mail in; others do no harm",
    ),
}


def finding_line(finding: Finding, mended: bool) -> str:
    """Return one finding as one line."""
    words, fix = _WAYS_OUT[finding.trouble]
    place = "  ".join(shown(word) for word in _where(finding))
    return f"{finding.trouble}  {place}: {words}; {'repaired' if mended else fix}"


def finding_json(finding: Finding, mended: bool) -> dict[str, Any]:
    """Return one finding under its stable keys."""
    place = finding.place
    return {
        "what": finding.trouble.value,
        "org": finding.org or None,
        "message": str(finding.message_id) if finding.message_id else None,
        "quarantine": finding.entry_id,
        "key": finding.key or None,
        "source": place.source if place else None,
        "place": _copy(place) if place else None,
        "repaired": mended,
    }


def summary_line(counts: Counts, orphans: int, repaired: int, unaccounted: int) -> str:
    """Return what was compared, and the figure that counts at the end."""
    looked_at = (
        f"{counted(counts.sources, 'source')} with {counted(counts.copies, 'mail')} "
        f"({counts.waiting} waiting), "
        f"{counted(counts.rows, 'row')}, {counted(counts.objects, 'object')}, "
        f"{counted(counts.documents, 'document')}"
    )
    extra = f", {counted(orphans, 'orphan')}" if orphans else ""
    mended = f", {repaired} repaired" if repaired else ""
    return f"{looked_at}{extra}{mended}\nunaccounted={unaccounted}"


def _where(finding: Finding) -> list[str]:
    place = finding.place
    if place is not None:
        return [place.source, _copy(place)]
    message = f"message {finding.message_id}" if finding.message_id else ""
    entry = f"quarantine entry {finding.entry_id}" if finding.entry_id else ""
    return [word for word in (finding.org, message, entry, finding.key) if word]


def _copy(place: Place) -> str:
    return place.file_name or f"{place.folder} UIDVALIDITY {place.uidvalidity} UID {place.uid}"
