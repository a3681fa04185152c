"""The line that a part gets in the part ledger."""

from __future__ import annotations

from collections.abc import Iterable

from postroom.core.decode import Decoded
from postroom.core.filename import for_part
from postroom.core.kinds import Verdict
from postroom.core.media import denies
from postroom.core.part import Part
from postroom.db.values import LedgerPart


def ledger_line(
    part: Part, decoded: Decoded, sniffed: str | None, verdict: Verdict, further: Iterable[str] = ()
) -> LedgerPart:
    """Return the line of one part; `further` is what is wrong with it besides."""
    named = verdict.kept or part.filename
    lie = ("type mismatch",) if sniffed and denies(part.content_type, sniffed) else ()
    defects = (*part.defects, *part.limits, *decoded.defects, *lie, *further)
    return LedgerPart(
        path=part.path,
        content_type=part.content_type,
        sniffed=sniffed,
        filename=for_part(part.filename, part.content_type, part.path) if named else None,
        filename_original=part.filename or None,
        disposition=part.disposition or None,
        content_id=part.content_id or None,
        transfer_encoding=part.transfer_encoding,
        size_bytes=decoded.size,
        sha256=decoded.sha256,
        kept=verdict.kept,
        reason=verdict.reason,
        decode_status=decoded.status,
        defects=tuple(dict.fromkeys(defects)),
    )
