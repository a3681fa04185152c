"""The story of one mail as one JSON object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import UUID

from postroom.cli.messages import message_json
from postroom.cli.tables import iso
from postroom.db.story import CopySeen, PartLine, Story, Told


def story_json(told: Story) -> dict[str, Any]:
    """Return the message under the keys of `messages --json`, and with it all that is known of it."""
    message = told.message
    return {
        "message": message_json(message)
        | {
            "to": message.to_address,
            "sent_at": iso(message.sent_at),
            "content_sha256": message.content_sha256,
            "created_at": iso(message.created_at),
            "updated_at": iso(message.updated_at),
            "next_attempt_at": iso(message.next_attempt_at),
            "conflict_with": str(told.first_of_its_id) if told.first_of_its_id else None,
        },
        "work": _renamed(asdict(told.work), {}) if told.work else None,
        "quarantine": _renamed(asdict(told.held), {}) if told.held else None,
        "copies": [_copy(copy) for copy in told.copies],
        "parts": [_part(part) for part in told.parts],
        "attempts": (message.error or {}).get("attempts", []),
        "announcements": [_announcement(one) for one in told.announcements],
    }


def _copy(copy: CopySeen) -> dict[str, Any]:
    return _renamed(asdict(copy), {"source_name": "source", "size_bytes": "size"})


def _part(part: PartLine) -> dict[str, Any]:
    return _renamed(asdict(part), {"size_bytes": "size"})


def _announcement(told: Told) -> dict[str, Any]:
    return _renamed(asdict(told), {"document_id": "document"})


def _renamed(values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(name, name): _plain(value) for name, value in values.items()}


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return iso(value)
    return str(value) if isinstance(value, UUID) else value
