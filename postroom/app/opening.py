"""Settings become a way to open containers, and to try what processes died over."""

from __future__ import annotations

from postroom.app.archive import spool_of
from postroom.config.settings import Settings
from postroom.pipeline.inside import Opening
from postroom.unpack.opener import open_containers
from postroom.unpack.rehearsal import rehearse


def opening_of(settings: Settings) -> Opening:
    """Return how containers are opened: each in a child, its content in the spool meanwhile."""
    return Opening(open_containers(settings.limits), spool_of(settings), rehearse)
