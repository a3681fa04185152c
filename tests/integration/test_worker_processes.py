"""Worker processes of a real service, and of one whose archive is a bucket."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest

from postroom import maildir
from postroom.app.crew import program_of
from postroom.core.rules import Standard
from postroom.db.values import Claim
from postroom.jobs.crew_process import WorkerProcess
from postroom.jobs.order import Order
from tests.command import ENVIRONMENT, postroom
from tests.crew import settings_at, worker_processes
from tests.mailbox import mail
from tests.servers.rgw import Rgw
from tests.servers.s3 import opened_store
from tests.servers.waiting import wait_until

PDF = b"%PDF-1.4\n" + bytes(20_000)
ORG = UUID("01234567-89ab-7cde-8f01-23456789abcd")


def test_a_service_asked_to_end_with_its_processes_finishes_what_they_hold_and_leaves_none(
    tmp_path: Path,
) -> None:
    intake, config, log = tmp_path / "Maildir", tmp_path / "postroom.toml", tmp_path / "log"
    maildir.create(intake)
    for number in range(150):
        maildir.deliver(intake, mail(f"<{number}@x>", po=PDF + b"%d" % number))
    config.write_text(
        f'state_dir = "{tmp_path}/state"\n[orgs]\naddress = "orders+{{org}}@in.example"\n[org.acme]\n'
        f'[maildir.intake]\npath = "{intake}"\n[jobs]\nprocesses = 2\n'
    )
    command = [sys.executable, "-m", "postroom", "-c", str(config), "run"]

    with log.open("wb") as stderr, subprocess.Popen(command, stderr=stderr, env=ENVIRONMENT) as service:
        wait_until(lambda: len(worker_processes(service.pid)) == 2, "two worker processes", 30)
        workers = worker_processes(service.pid)
        for pid in (*workers, service.pid):
            os.kill(pid, signal.SIGTERM)
        code = service.wait(30)

    said = log.read_text(encoding="utf-8")
    assert (code, "Traceback" in said, "worker process died" in said) == (0, False, False)
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]
    rest = postroom(config, "fetch", "--once", "--json").objects()[-1]
    assert said.count('"parsed"') + rest["documents"] == 150
    assert '"rescued"' not in said


@pytest.mark.rgw
def test_a_worker_process_reads_from_a_bucket_and_keeps_documents_in_it(rgw: Rgw, tmp_path: Path) -> None:
    bucket, raw = rgw.service.fresh_bucket(), mail(po=PDF)
    storage, sha256 = rgw.service.storage(bucket), hashlib.sha256(raw).hexdigest()
    opened_store(storage, tmp_path).put("a/raw", raw)
    claim = Claim(ORG, ORG, "acme", "<1@x>", "a/raw", sha256, len(raw), 0, 1)

    process = WorkerProcess(program_of(replace(settings_at(tmp_path), storage=storage), threads=1))
    process.require_start()
    answer = process.take_apart(Order(claim, Standard(), follows=True))
    process.close()

    assert answer is not None
    assert answer.trouble is None
    digest = hashlib.sha256(PDF).hexdigest()
    assert rgw.service.keys(bucket) == [f"{ORG}/doc/{digest[:2]}/{digest}", "a/raw"]
