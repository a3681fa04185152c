"""Building the settings that are no sources: orgs, archive, jobs, limits, log."""

from __future__ import annotations

from pathlib import Path

from postroom.config import archive
from postroom.config import schema as s
from postroom.config.reader import Table
from postroom.config.settings import Jobs, Log, Org, Orgs, Storage
from postroom.core.limits import Limits
from postroom.core.rules import Changes


def orgs(table: Table) -> Orgs:
    """Return what is true of all orgs."""
    return Orgs(unknown=table.take(s.ORGS_UNKNOWN), address=table.take(s.ORGS_ADDRESS))


def org(table: Table) -> Org:
    """Return one org; its table name is its slug."""
    return Org(
        slug=table.name,
        name=table.take(s.ORG_NAME, table.name) or table.name,
        aliases=table.take(s.ORG_ALIASES),
        allow_from=table.take(s.ORG_ALLOW_FROM),
        documents=documents(table, s.ORG_DOCUMENTS),
    )


def storage(table: Table, state_dir: Path) -> Storage:
    """Return the archive."""
    return archive.storage(table, _expanded(table, s.STORAGE_URL, state_dir))


def jobs(table: Table) -> Jobs:
    """Return how work is done and tried again."""
    first, cap = table.take(s.JOBS_BACKOFF)
    return Jobs(
        workers=table.take(s.JOBS_WORKERS),
        processes=table.take(s.JOBS_PROCESSES),
        attempts=table.take(s.JOBS_ATTEMPTS),
        backoff_first_seconds=first,
        backoff_cap_seconds=cap,
        lease_seconds=table.take(s.JOBS_LEASE),
        connections=table.take(s.JOBS_CONNECTIONS),
    )


def limits(table: Table) -> Limits:
    """Return the bounds of one message."""
    return Limits(
        message_bytes=table.take(s.LIMITS_MESSAGE),
        attachment_bytes=table.take(s.LIMITS_ATTACHMENT),
        attachments=table.take(s.LIMITS_ATTACHMENTS),
        parts=table.take(s.LIMITS_PARTS),
        nesting=table.take(s.LIMITS_NESTING),
        header_bytes=table.take(s.LIMITS_HEADER),
        header_fields=table.take(s.LIMITS_HEADER_FIELDS),
        parsed_field_bytes=table.take(s.LIMITS_HEADER_FIELD),
        unpack_zip=table.take(s.LIMITS_UNPACK) == "zip",
        unpack_files=table.take(s.LIMITS_UNPACK_FILES),
        unpack_total_bytes=table.take(s.LIMITS_UNPACK_TOTAL),
        unpack_ratio=table.take(s.LIMITS_UNPACK_RATIO),
        unpack_memory_bytes=table.take(s.LIMITS_UNPACK_MEMORY),
        unpack_seconds=table.take(s.LIMITS_UNPACK_TIME),
    )


def documents(table: Table, keys: s.DocumentKeys) -> Changes:
    """Return what is a document, as far as this table says it."""
    found = Changes(
        kinds=table.take(keys.kinds),
        skip_kinds=table.take(keys.skip_kinds),
        names=table.take(keys.names),
        skip_names=table.take(keys.skip_names),
        min_bytes=table.take(keys.min_size),
        max_bytes=table.take(keys.max_size),
        inline=table.take(keys.inline),
        body=table.take(keys.body),
    )
    if found.max_bytes is not None and (found.min_bytes or 0) > found.max_bytes:
        table.fault(keys.max_size, "is less than min_size, so nothing would be a document")
    return found


def log(table: Table) -> Log:
    """Return how the log looks."""
    return Log(level=table.take(s.LOG_LEVEL), format=table.take(s.LOG_FORMAT))


def _expanded(table: Table, key: s.Key[str], state_dir: Path) -> str:
    template = table.take(key)
    if "{" in template.replace("{state_dir}", ""):
        table.fault(key, "has a { that is not {state_dir}")
    return template.replace("{state_dir}", str(state_dir))
