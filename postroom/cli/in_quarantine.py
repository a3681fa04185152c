"""A Message-ID looked for in the quarantine, for somebody who asks where a mail is."""

from __future__ import annotations

from collections import deque

from postroom.app.compose import App
from postroom.core import identity
from postroom.core.headers import read_header_block
from postroom.db.quarantine import HeldMail
from postroom.errors import ObjectCorrupt, ObjectMissing, StoreUnavailable

_LOOKED_AT = 200  # entries, the newest: a person waits for the answer
_BIGGEST = 1024 * 1024


def held_as(app: App, message_id: str) -> list[HeldMail]:
    """Return the entries, whatever became of them, with that Message-ID, with or without its brackets.

    Those that lay in a mailbox are found by a digest.  Of the others the newest small ones are opened: none
    found does not prove that there is none.
    """
    found = app.quarantine.named(message_id)
    if found or "@" not in message_id:
        return found
    bare = message_id.strip().removeprefix("<").removesuffix(">")
    newest = deque(app.quarantine.held(state=None), maxlen=_LOOKED_AT)
    return [held for held in newest if _message_id(app, held) in {bare, f"<{bare}>"}]


def _message_id(app: App, held: HeldMail) -> str | None:
    if held.raw_key is None or held.size_bytes > _BIGGEST:
        return None
    try:
        raw = app.store.get(held.raw_key, held.raw_sha256)
    except (ObjectMissing, ObjectCorrupt, StoreUnavailable):
        return None
    return identity.message_id(read_header_block(raw, limits=app.settings.limits))
