"""`postroom run` where the kernel tells of no new file: nothing waits for it in vain."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from postroom import maildir
from tests.command import ENVIRONMENT, postroom
from tests.databases import furnish
from tests.integration.test_first_mail import mail
from tests.servers.waiting import wait_until

OWN_LIMITS = ["unshare", "--user", "--map-root-user"]
WITHOUT_WATCHES = 'echo 0 > /proc/sys/user/max_inotify_watches && exec "$0" -m postroom -c "$1" run'


def test_a_maildir_that_cannot_be_watched_is_rescanned_and_the_limit_is_named(tmp_path: Path) -> None:
    if subprocess.run([*OWN_LIMITS, "true"], check=False, capture_output=True).returncode:
        pytest.skip("needs the right to a user namespace of its own (unshare --user)")
    config, log = tmp_path / "postroom.toml", tmp_path / "log"
    config.write_text(
        f'state_dir = "{tmp_path}/state"\n[orgs]\naddress = "orders+{{org}}@in.test"\n[org.acme]\n'
        f'[maildir.in]\npath = "{tmp_path}/Maildir"\npoll = "1s"\n'
    )
    furnish(tmp_path / "state")
    maildir.create(tmp_path / "Maildir")

    command = [*OWN_LIMITS, "sh", "-c", WITHOUT_WATCHES, sys.executable, str(config)]
    with log.open("wb") as err, subprocess.Popen(command, stderr=err, env=ENVIRONMENT) as process:
        try:
            wait_until(lambda: '"started"' in log.read_text("utf-8"), "the start of the service", 20)
            maildir.deliver(tmp_path / "Maildir", mail("acme", "late"))
            wait_until(lambda: '"parsed"' in log.read_text("utf-8"), "the mail to be taken", 20)
        finally:
            process.terminate()
            ended = process.wait(20)

    told = [json.loads(line) for line in log.read_text("utf-8").splitlines()]
    (warned,) = [line for line in told if line["event"] == "cannot watch, rescanning only"]
    assert f"cannot watch {tmp_path}/Maildir/new: " in warned["error"]
    assert warned["fix"] == "raise the sysctl fs.inotify.max_user_watches"
    assert ended == 0
    assert len(postroom(config, "documents", "--json").objects()) == 1
