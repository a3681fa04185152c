"""A mail's parts, each decoded, judged and named: the lines of the part ledger."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

from postroom.core.decode import decode
from postroom.core.filename import for_part
from postroom.core.kinds import Verdict, judge, referenced_cids
from postroom.core.limits import Limits
from postroom.core.media import denies
from postroom.core.mime import walk
from postroom.core.part import Part
from postroom.core.rules import Standard
from postroom.core.sniff import sniff
from postroom.db.values import LedgerPart


def take_apart(raw: bytes, limits: Limits) -> Iterator[tuple[LedgerPart, bytes]]:
    """Yield every part of a mail with its decoded content, in the order of the bytes; never raises.

    What is not kept is there all the same, with the reason.  One beyond a limit is not kept and says which.
    """
    parts = walk(raw, limits).parts
    cids = _referenced(raw, parts)
    documents = 0
    for part in parts:
        if part.is_container:
            yield _container(part), b""
            continue
        decoded = decode(raw, part)
        size = len(decoded.content)
        sniffed = sniff(decoded.content)
        standard = Standard(limits=limits)
        verdict = judge(
            part, size, sniffed=sniffed, referenced_cids=cids, kept_before=documents, standard=standard
        )
        documents += verdict.kept
        line = _line(part, decoded.content, verdict)
        lie = ("type mismatch",) if denies(part.content_type, sniffed) else ()
        defects = (*part.defects, *part.limits, *decoded.defects, *lie)
        yield replace(line, decode_status=decoded.status, defects=defects), decoded.content


def _referenced(raw: bytes, parts: tuple[Part, ...]) -> frozenset[str]:
    html = (part for part in parts if part.content_type == "text/html" and not part.is_container)
    return frozenset().union(*(referenced_cids(decode(raw, part).content) for part in html))


def _line(part: Part, content: bytes, verdict: Verdict) -> LedgerPart:
    return LedgerPart(
        path=part.path,
        content_type=part.content_type,
        sniffed=sniff(content),
        filename=for_part(part.filename, part.content_type, part.path)
        if verdict.kept or part.filename
        else None,
        filename_original=part.filename or None,
        disposition=part.disposition or None,
        content_id=part.content_id or None,
        transfer_encoding=part.transfer_encoding,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        kept=verdict.kept,
        reason=verdict.reason,
        decode_status="ok",
    )


def _container(part: Part) -> LedgerPart:
    return LedgerPart(
        path=part.path,
        content_type=part.content_type,
        sniffed=None,
        filename=part.filename or None,
        filename_original=part.filename or None,
        disposition=part.disposition or None,
        content_id=part.content_id or None,
        transfer_encoding=part.transfer_encoding,
        size_bytes=part.size,
        sha256=None,
        kept=False,
        reason="container",
        decode_status="ok",
        defects=(*part.defects, *part.limits),
    )
