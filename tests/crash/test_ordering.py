"""What strace sees: a mail is durable and committed before its source lets go, or its client hears 250."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.crash.ordering import prove_order
from tests.crash.serving import Servers
from tests.crash.stages import stage
from tests.crash.syscall_sweep import sweep_syscalls

SEED = 1
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
        result = prove_order(played, SEED)

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
    ("cell", "sabotage", "seen"),
    [
        pytest.param("sqlite-smtp", "no fsync", "no fsync of", id="nothing is synced"),
        pytest.param(
            "sqlite-box",
            "settle before commit",
            "no COMMIT of",
            id="settled first",
            marks=pytest.mark.dovecot,
        ),
    ],
)
def test_the_proof_fails_where_a_step_is_left_out(
    tmp_path: Path, servers: Servers, cell: str, sabotage: str, seen: str
) -> None:
    with stage(cell, tmp_path / cell, servers, random.Random(SEED)) as played:  # noqa: S311  (repeatable)
        result = prove_order(played, SEED, sabotages=[sabotage])

    assert [breach for breach in result.breaches if breach.startswith(seen)] != []
