"""Worker processes make of every torture mail what this process makes of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest

from postroom.core.routing import Rule, address_pattern
from tests.crew import told, worked_by_processes
from tests.house import Postroom, open_postroom
from tests.servers.archives import FolderStock

__all__ = ["open_postroom"]
CORPUS = os.environ.get("POSTROOM_CORPUS", "")


@pytest.mark.timeout(300)
def test_every_torture_mail_has_the_same_rows(open_postroom: Callable[..., Postroom], tmp_path: Path) -> None:
    if not CORPUS:
        pytest.skip("set POSTROOM_CORPUS to a folder of torture mails")
    mails = sorted(path for path in Path(CORPUS).rglob("*") if path.is_file() and path.suffix != ".json")
    rule = Rule(address_pattern("{org}@*"), pinned="acme")

    said = []
    for number, processes in enumerate((0, 2)):
        archive = FolderStock(tmp_path / f"postroom-{number}" / "archive")
        postroom = open_postroom(stock=archive, rule=rule)
        for path in mails:
            postroom.orders.put(path.read_bytes())
        while postroom.poll().taken:
            pass
        with worked_by_processes(postroom, processes) if processes else nullcontext():
            postroom.extract()
        said.append(told(postroom))

    assert len(said[0]) > 0.9 * len(mails) > 0
    assert said[0] == said[1]
