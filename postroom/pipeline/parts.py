"""A mail taken apart: every part decoded, judged and named, and what is inside of parts as well."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from postroom.core.decode import Decoded, decode
from postroom.core.kinds import Verdict, body_to_keep, judge
from postroom.core.mime import Message, walk
from postroom.core.part import Part
from postroom.core.raw import Raw
from postroom.core.rules import Standard
from postroom.core.sniff import sniff
from postroom.db.values import LedgerPart
from postroom.pipeline.inside import File, Inside, Mail, Opening, looked_into
from postroom.pipeline.ledger import ledger_line
from postroom.pipeline.shown import shown_images
from postroom.pipeline.tray import Tray
from postroom.storage.store import ObjectStore, View
from postroom.unpack.container import Room


class Dissection:
    """One mail on the table.  `defects` and `limits` are those of the mail and all parts met so far."""

    def __init__(self, raw: Raw, *, standard: Standard, store: ObjectStore, opening: Opening) -> None:
        self._raw, self._standard, self._limits = raw, standard, standard.limits
        self._store, self._opening = store, opening
        self._parts = self._documents = 0
        self._room = Room(self._limits.unpack_files, self._limits.unpack_total_bytes)
        self._defects: dict[str, None] = {}
        self._over: dict[str, None] = {}

    @property
    def defects(self) -> tuple[str, ...]:
        return tuple(defect for defect in self._defects if defect not in self._over)

    @property
    def limits(self) -> tuple[str, ...]:
        return tuple(self._over)

    def parts(self) -> Iterator[tuple[LedgerPart, Tray]]:
        """Yield every part with its content, in the order of the bytes; to be asked for once.

        What is not kept is there all the same, with the reason; what is beyond a limit says which.  A content
        is there until the next part is asked for.  A body that becomes the document of a mail without another
        comes a second time, at the end, and that line counts.  Whatever the bytes are, nothing is raised but
        StoreUnavailable and what the unpacker raises.
        """
        message = self._walk(Mail(self._raw, ""), depth=0)
        verdicts: list[tuple[str, Verdict]] = []
        for line, tray in self._of_message(self._raw, message):
            verdicts.append((line.path, Verdict(line.kept, line.reason)))
            yield line, tray
        own = {part.path: part for part in message.parts}
        body = body_to_keep(verdicts, self._standard.rules)
        if body in own:
            reason = next(verdict.reason for path, verdict in verdicts if path == body)
            yield from self._body(own[body], reason)

    def _walk(self, mail: Mail, *, depth: int) -> Message:
        room = replace(self._limits, parts=self._limits.parts - self._parts)
        message = walk(mail.raw, room, within=mail.within, depth=depth)
        self._parts += len(message.parts)
        self._defects |= dict.fromkeys(message.defects)
        self._over |= dict.fromkeys(message.limits)
        return message

    def _of_message(self, raw: Raw, message: Message) -> Iterator[tuple[LedgerPart, Tray]]:
        cids = shown_images(raw, message.parts)
        for part in message.parts:
            yield from self._of_part(raw, part, cids)

    def _of_part(self, raw: Raw, part: Part, cids: frozenset[str]) -> Iterator[tuple[LedgerPart, Tray]]:
        if part.is_container:
            inside, verdict = Inside(self._room), Verdict(kept=False, reason="container")
            with Tray(self._store, most=0) as nothing:
                yield self._line(part, decode(raw, part), None, inside, verdict), nothing
            return
        with Tray(self._store, most=self._limits.attachment_bytes) as tray:
            decoded = decode(raw, part, tray.write)
            with tray.view() as content:
                sniffed = sniff(content)
                with self._looked_into(part, content, sniffed, is_whole=tray.is_whole) as inside:
                    verdict = self._verdict(part, decoded, sniffed, inside, cids)
                    yield self._line(part, decoded, sniffed, inside, verdict), tray
                    for found in inside.found:
                        yield from self._of_found(found, part)

    @contextmanager
    def _looked_into(self, part: Part, content: View, sniffed: str, *, is_whole: bool) -> Iterator[Inside]:
        """Yield what is in a part; the limit that forbids to look into it is named."""
        kind = self._opening.unpacker.kind(part, sniffed) if is_whole else ""
        holds_parts = is_whole and (bool(kind) or part.is_encoded_message)
        left = self._limits.parts - self._parts
        if not is_whole or left <= 0 or part.depth >= self._limits.nesting:
            over = ("parts" if left <= 0 else "nesting",) if holds_parts else ()
            yield Inside(self._room, limits=over)
            return
        room = replace(self._room, things=min(self._room.things, left))
        with looked_into(part, content, kind, self._opening, room) as inside:
            if inside.is_opened:
                self._room = inside.room
            yield inside

    def _of_found(self, found: Mail | File, around: Part) -> Iterator[tuple[LedgerPart, Tray]]:
        if isinstance(found, Mail):
            yield from self._of_message(found.raw, self._walk(found, depth=around.depth + 1))
        else:
            self._parts += 1
            yield from self._of_part(found.raw, found.part, frozenset())

    def _verdict(
        self, part: Part, decoded: Decoded, sniffed: str, inside: Inside, cids: frozenset[str]
    ) -> Verdict:
        if inside.is_opened:
            return Verdict(kept=False, reason="container")
        verdict = judge(
            part,
            decoded.size,
            sniffed=sniffed,
            referenced_cids=cids,
            kept_before=self._documents,
            standard=self._standard,
        )
        self._documents += verdict.kept
        if verdict.reason == "too many":
            self._over["attachments"] = None
        elif verdict.reason == "too large" and decoded.size > self._limits.attachment_bytes:
            self._over["attachment_bytes"] = None
        return replace(verdict, reason=inside.reason) if verdict.kept and inside.reason else verdict

    def _line(
        self, part: Part, decoded: Decoded, sniffed: str | None, inside: Inside, verdict: Verdict
    ) -> LedgerPart:
        line = ledger_line(part, decoded, sniffed, verdict, (*inside.defects, *inside.limits))
        self._over |= dict.fromkeys((*part.limits, *inside.limits))
        self._defects |= dict.fromkeys(line.defects)
        return line

    def _body(self, part: Part, reason: str) -> Iterator[tuple[LedgerPart, Tray]]:
        """Yield a body once more, as a document."""
        with Tray(self._store, most=self._limits.attachment_bytes) as tray:
            decoded = decode(self._raw, part, tray.write)
            if tray.is_whole:
                with tray.view() as content:
                    sniffed = sniff(content)
                yield ledger_line(part, decoded, sniffed, Verdict(kept=True, reason=reason)), tray
