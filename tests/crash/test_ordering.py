"""What strace sees: objects are durable before their commit, and that is before its source lets go."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest

from tests.crash.ordering import prove_order
from tests.crash.serving import Servers
from tests.crash.stages import stage
from tests.crash.syscall_sweep import sweep_syscalls

SEED = 1
DRAFT = r"^no fsync of \S+/_drafts/\S+ before its rename"
RAW_NAME = r"^no fsync of the folder of \S+/raw/\S+ before the COMMIT"
DOCUMENT_NAME = r"^no fsync of the folder of \S+/doc/\S+ before the COMMIT"
NO_RAW = r"^no object \S+/raw/\S+ before the COMMIT"
NO_DOCUMENT = r"^no object \S+/doc/\S+ before the COMMIT"
NO_COMMIT = r"^no COMMIT of .+ before the source let go"
NO_WORKER = "in worker processes:one that does not exist"
ON_S3 = [pytest.mark.postgres, pytest.mark.rgw]
pytestmark = [pytest.mark.crash, pytest.mark.strace, pytest.mark.timeout(300)]


@pytest.mark.parametrize(
    "cell",
    [
        "sqlite-maildir",
        "sqlite-smtp",
        pytest.param("sqlite-box", marks=pytest.mark.dovecot),
        pytest.param("postgres-maildir", marks=ON_S3),
        pytest.param("postgres-smtp", marks=ON_S3),
        pytest.param("postgres-box", marks=[pytest.mark.dovecot, *ON_S3]),
    ],
)
def test_nothing_is_acknowledged_before_it_is_durable_and_committed(
    tmp_path: Path, servers: Servers, cell: str
) -> None:
    with stage(cell, tmp_path / cell, servers, random.Random(SEED)) as played:  # noqa: S311  (repeatable)
        result = prove_order(played, SEED, sabotages=two_at_once(cell))

    assert result.breaches == []
    assert result.count.faults() == {}


@pytest.mark.parametrize("cell", ["sqlite-maildir", pytest.param("postgres-maildir", marks=ON_S3)])
def test_what_a_worker_process_makes_of_a_mail_is_durable_before_its_parent_commits_it(
    tmp_path: Path, servers: Servers, cell: str
) -> None:
    with stage(cell, tmp_path / cell, servers, random.Random(SEED), processes=1) as played:  # noqa: S311  (repeatable)
        result = prove_order(played, SEED, sabotages=two_at_once(cell))

    assert result.breaches == []
    assert result.count.faults() == {}


def test_no_death_at_a_system_call_that_moves_a_file_loses_or_doubles_a_mail(
    tmp_path: Path, servers: Servers
) -> None:
    with stage("sqlite-maildir", tmp_path / "cell", servers, random.Random(SEED)) as played:  # noqa: S311  (repeatable)
        result = sweep_syscalls(played, SEED, ["rename", "linkat"])

    assert {"rename:1", "rename:4", "linkat:1"} <= set(result.reached)
    assert result.count.faults() == {}


@pytest.mark.parametrize(
    ("cell", "processes", "sabotages", "seen"),
    [
        pytest.param(
            "sqlite-smtp", 0, ["no fsync"], [DRAFT, RAW_NAME, "before the 250"], id="nothing is synced"
        ),
        pytest.param(
            "sqlite-box",
            0,
            ["settle before commit"],
            [NO_COMMIT],
            id="settled first",
            marks=pytest.mark.dovecot,
        ),
        pytest.param("sqlite-maildir", 0, ["commit without sync"], [NO_COMMIT], id="a commit is not synced"),
        pytest.param("sqlite-maildir", 0, ["commit before archive"], [NO_RAW], id="committed first"),
        pytest.param("sqlite-maildir", 0, ["parsed before documents"], [NO_DOCUMENT], id="parsed first"),
        pytest.param("sqlite-maildir", 0, ["parsed too soon"], [NO_DOCUMENT], id="parsed without a row"),
        pytest.param(
            "sqlite-maildir", 0, ["no fsync:archive"], [DRAFT, RAW_NAME], id="no archive thread syncs"
        ),
        pytest.param(
            "sqlite-maildir", 0, ["no fsync:extract"], [DRAFT, DOCUMENT_NAME], id="no document is synced"
        ),
        pytest.param(
            "sqlite-maildir",
            1,
            ["in worker processes:no fsync"],
            [DRAFT, DOCUMENT_NAME],
            id="no worker syncs",
        ),
        pytest.param("sqlite-maildir", 0, ["one thread"], ["archived by several threads"], id="one thread"),
        pytest.param(
            "sqlite-maildir", 1, [NO_WORKER], ["made by the process that committed"], id="no worker starts"
        ),
        pytest.param(
            "postgres-maildir",
            0,
            ["commit before archive", "parsed before documents"],
            [NO_RAW, NO_DOCUMENT],
            id="both committed first on S3",
            marks=ON_S3,
        ),
        pytest.param(
            "postgres-box",
            0,
            ["settle before commit", "no look afterwards"],
            [NO_COMMIT, "^no HEAD of .*/raw/", "^no HEAD of .*/doc/"],
            id="settled first from S3",
            marks=[pytest.mark.dovecot, *ON_S3],
        ),
    ],
)
def test_the_proof_fails_where_a_step_is_left_out(
    tmp_path: Path, servers: Servers, cell: str, processes: int, sabotages: list[str], seen: list[str]
) -> None:
    chance = random.Random(SEED)  # noqa: S311  (repeatable)

    with stage(cell, tmp_path / cell, servers, chance, processes=processes) as played:
        found = prove_order(played, SEED, sabotages=sabotages).breaches

    assert [wanted for wanted in seen if not any(re.search(wanted, breach) for breach in found)] == []


def two_at_once(cell: str) -> list[str]:
    """Return what lets two mails of a batch be on their way into the archive before one of them is there."""
    if cell.endswith("-smtp"):  # whose mails come one by one
        return []
    return ["meet:s3.sending" if cell.startswith("postgres-") else "meet:archive.drafted"]
