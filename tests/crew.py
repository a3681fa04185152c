"""Worker processes for a house of the tests: real ones, and a place that is like the house's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Row

from postroom.app.crew import build_crew
from postroom.config.load import load
from postroom.config.settings import Settings
from postroom.db.tables import DOCUMENT, PART
from postroom.jobs.crew import Crew
from tests.house import Postroom
from tests.servers.waiting import wait_until

_PROGRAM = b"postroom.app.crew_member"


def settings_at(state_dir: Path, *more: str) -> Settings:
    """Return the settings of a postroom with its archive below `state_dir`; `more` are lines of its file."""
    config = state_dir / "postroom.toml"
    config.write_text("\n".join([f'state_dir = "{state_dir}"', *more]))
    return load(config, environ={}, cwd=state_dir, home=state_dir, is_root=False).settings


@contextmanager
def worked_by_processes(postroom: Postroom, processes: int) -> Iterator[Crew]:
    """Let a house whose archive is in its folder have so many worker processes, all of them ready."""
    jobs = f"jobs = {{ workers = {postroom.house.pace.workers}, processes = {processes} }}"
    crew = build_crew(settings_at(postroom.folder, jobs))
    postroom.house = replace(postroom.house, crew=crew)
    try:
        crew.muster()
        wait_until(lambda: crew.ready == processes, f"{processes} worker processes")
        yield crew
    finally:
        crew.close()


def worker_processes(parent: int) -> list[int]:
    """Return the pids of the worker processes of a service; a process that is over has none."""
    with suppress(OSError):
        tasks = list(Path(f"/proc/{parent}/task").iterdir())
        below = [pid for task in tasks for pid in (task / "children").read_text("ascii").split()]
        return [int(pid) for pid in below if _PROGRAM in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return []


def told(postroom: Postroom) -> dict[str, list[str]]:
    """Return what the rows say of each message, its parts and its documents, but ids and times."""
    names = {message.id: message.source_message_id for message in postroom.messages()}
    said = {each.source_message_id: [_fate(each)] for each in postroom.messages()}
    rows = [*postroom.rows(PART), *postroom.rows(DOCUMENT)]
    for row in rows:
        said[names[row.message_id]].append(_without_ids(row))
    return {name: sorted(lines) for name, lines in said.items()}


def _fate(message: Row[Any]) -> str:
    error = message.error_json or {}
    words = str(error.get("message", "")).replace(str(message.org_id), "ORG")
    return f"{message.status} {message.attempts} {error.get('code')} {words}"


def _without_ids(row: Row[Any]) -> str:
    values = row._asdict()
    for key in ("id", "org_id", "message_id", "created_at"):
        values.pop(key, None)
    return str(values).replace(str(row.org_id), "ORG")
