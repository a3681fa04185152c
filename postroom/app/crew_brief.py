"""What a worker process is told of the settings before it is ready."""

from __future__ import annotations

from dataclasses import dataclass, replace

from postroom.config.settings import Database, Settings


@dataclass(frozen=True, slots=True)
class Brief:
    """What taking mails apart needs; `counts_time` says whether the time of its stages is asked for."""

    settings: Settings
    threads: int
    counts_time: bool


def brief_of(settings: Settings, *, threads: int, counts_time: bool) -> Brief:
    """Return a brief that knows no source, no org and no database, nor any secret but the archive's."""
    needed = replace(
        settings,
        db=Database("", None),
        jobs=replace(settings.jobs, workers=threads),
        org={},
        mailbox={},
        maildir={},
        relay=None,
        oauth_key=None,
    )
    return Brief(needed, threads, counts_time)
