"""postroom is killed at random moments of an intake, started again, drained and counted.

make crash KILLS=300        a long campaign; the seed is printed, POSTROOM_CRASH_SEED repeats it
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest

from postroom import maildir
from tests.command import ENVIRONMENT, postroom
from tests.crash.ledger import ORGS, Count, Post, Sent, check
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.fixtures import dovecot

__all__ = ["dovecot"]

KILLS = int(os.environ.get("POSTROOM_CRASH_KILLS", "5"))
SEED = int(os.environ.get("POSTROOM_CRASH_SEED", "0")) or random.SystemRandom().randrange(1, 2**31)
MAILS = max(200 * KILLS // 30, 40)  # 200 mails for 30 kills, and so on
LONGEST_LIFE_SECONDS = 1.2

Deliver = Callable[[bytes], object]

pytestmark = [pytest.mark.crash, pytest.mark.timeout(120 + 5 * KILLS)]


def test_no_kill_loses_or_doubles_a_mail_from_a_maildir(tmp_path: Path) -> None:
    config = _config(tmp_path, f'[maildir.intake]\npath = "{tmp_path}/Maildir"\n')
    maildir.create(tmp_path / "Maildir")

    count = _campaign("maildir", config, lambda raw: maildir.deliver(tmp_path / "Maildir", raw))

    assert count.faults() == {}
    assert maildir.listing(tmp_path / "Maildir", "new") == []


@pytest.mark.dovecot
def test_no_kill_loses_or_doubles_a_mail_from_an_imap_mailbox(tmp_path: Path, dovecot: Dovecot) -> None:
    dovecot.add_user("crash")
    mailbox = (
        f'[mailbox.orders]\nhost = "localhost"\nport = {dovecot.tls_port}\ntls_ca = "{dovecot.ca}"\n'
        f'user = "crash"\npassword = "{PASSWORD}"\nsince = "all"\npoll = "1s"\n'
        'after = { action = "move", folder = "Done" }\n'
    )

    count = _campaign("imap", _config(tmp_path, mailbox), lambda raw: dovecot.deliver("crash", raw))

    assert count.faults() == {}
    assert dovecot.mails("crash") == []
    assert len(dovecot.mails("crash", "Done")) == MAILS


def _config(folder: Path, source: str) -> Path:
    path = folder / "postroom.toml"
    orgs = "".join(f"[org.{org}]\n" for org in ORGS)
    top = f'state_dir = "{folder}/state"\n[jobs]\nbackoff = "1s..2s"\n'
    path.write_text(top + '[orgs]\naddress = "orders+{org}@in.test"\n' + orgs + source, encoding="utf-8")
    path.chmod(0o600)
    return path


def _campaign(name: str, config: Path, deliver: Deliver) -> Count:
    """Kill `postroom run` while mails come in, then let it finish, then compare with the ledger."""
    post, chance = Post(SEED), random.Random(SEED)  # noqa: S311  (a seed repeats a campaign)
    sent: list[Sent] = []
    for kill in range(KILLS):
        with _started(config) as service:
            while len(sent) < MAILS * (kill + 1) // KILLS:
                sent.append(post.write())
                deliver(sent[-1].raw)
            _live_until_killed(service, chance.uniform(0.0, LONGEST_LIFE_SECONDS))
    _drain(config)
    count = check(config.parent / "state", sent)
    count.kills = KILLS
    figures = " ".join(f"{field.name}={getattr(count, field.name)}" for field in fields(count))
    sys.stdout.write(f"\n{name}: seed={SEED} {figures}\n")
    return count


def _started(config: Path) -> subprocess.Popen[bytes]:
    """Start the service and return it once it says that it has started."""
    service = subprocess.Popen(
        [sys.executable, "-m", "postroom", "-c", str(config), "run"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
    )
    assert service.stderr is not None
    lines = []
    for line in service.stderr:
        lines.append(line)
        if b'"started"' in line:
            return service
    raise AssertionError(f"postroom run did not start: {b''.join(lines).decode()}")


def _live_until_killed(service: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        service.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        service.kill()
        service.communicate()
    else:
        raise AssertionError(f"postroom run ended by itself with {service.returncode}")


def _drain(config: Path) -> None:
    """Do rounds until one finds nothing to do: what a kill left must need nothing but time."""
    for _ in range(MAILS):
        facts = postroom(config, "fetch", "--once", "--json").objects()[0]
        if not facts["taken"] + facts["duplicates"] + facts["documents"]:
            return
    raise AssertionError("the rounds after the last kill never came to an end")
