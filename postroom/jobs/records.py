"""Errors as rows keep them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from postroom.errors import PostroomError


def as_record(error: Exception, now: datetime) -> dict[str, Any]:
    """Return an error as it goes into error_json: code, words, time; never a traceback."""
    if isinstance(error, PostroomError):
        return {"code": error.code, "message": str(error), "fix": error.fix, "at": now.isoformat()}
    return {"code": "E-BUG", "message": f"{type(error).__name__}: {error}", "fix": "", "at": now.isoformat()}
