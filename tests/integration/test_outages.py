"""What a user meets when the world breaks: one clear error, a documented exit code, and no mail lost."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

from postroom import maildir
from tests.command import ENVIRONMENT, postroom
from tests.databases import on_cluster_leg
from tests.servers.dovecot import PASSWORD, Dovecot
from tests.servers.waiting import free_port

_users = itertools.count(1)
MAIL = (
    b"Delivered-To: orders+acme@in.test\nReceived: from a by b\nFrom: a@b.test\nMessage-ID: <%d@b.test>\n"
    b"Content-Type: application/pdf; name=a.pdf\nContent-Disposition: attachment\n\n%s\n"
)


def write_config(folder: Path, *sources: str) -> Path:
    path = folder / "postroom.toml"
    path.write_text(f'state_dir = "{folder}/state"\n[org.acme]\n' + "".join(sources))
    path.chmod(0o600)
    return path


def mailbox(dovecot: Dovecot, name: str, *, port: int = 0, password: str = PASSWORD) -> str:
    user = f"outage{next(_users)}"
    dovecot.add_user(user)
    return (
        f'[mailbox.{name}]\nhost = "localhost"\nport = {port or dovecot.tls_port}\ntls_ca = "{dovecot.ca}"\n'
        f'user = "{user}"\npassword = "{password}"\norg = "acme"\n'
    )


@pytest.mark.dovecot
def test_a_wrong_password_is_named_and_ends_with_77(tmp_path: Path, dovecot: Dovecot) -> None:
    config = write_config(tmp_path, mailbox(dovecot, "orders", password="wrong-canary"))

    done = postroom(config, "fetch", "--once", answer=77)

    assert "E-IMAP-AUTH" in done.err
    assert "wrong-canary" not in done.out + done.err


@pytest.mark.dovecot
def test_a_server_that_is_down_is_named_and_ends_with_69(tmp_path: Path, dovecot: Dovecot) -> None:
    config = write_config(tmp_path, mailbox(dovecot, "orders", port=free_port()))

    done = postroom(config, "fetch", "--once", answer=69)

    assert "E-IMAP-CONNECT" in done.err


@pytest.mark.dovecot
def test_one_broken_mailbox_does_not_stop_the_others(tmp_path: Path, dovecot: Dovecot) -> None:
    config = write_config(
        tmp_path,
        mailbox(dovecot, "broken", port=free_port()),
        f'[maildir.intake]\npath = "{tmp_path}/Maildir"\norg = "acme"\n',
    )
    maildir.create(tmp_path / "Maildir")
    maildir.deliver(tmp_path / "Maildir", MAIL % (1, b"pdf"))

    done = postroom(config, "fetch", "--once", "--json", answer=75)

    assert (done.objects()[0]["sources"], done.objects()[0]["taken"], done.objects()[0]["exit"]) == (2, 1, 75)


def test_a_maildir_that_is_not_there_is_named(tmp_path: Path) -> None:
    config = write_config(tmp_path, f'[maildir.intake]\npath = "{tmp_path}/nowhere"\norg = "acme"\n')

    done = postroom(config, "fetch", "--once", answer=74)

    assert "E-MAILDIR" in done.err
    assert "nowhere" in done.err


def test_a_second_round_at_the_same_time_says_who_holds_the_lock(tmp_path: Path) -> None:
    maildir.create(tmp_path / "Maildir")
    config = write_config(tmp_path, f'[maildir.intake]\npath = "{tmp_path}/Maildir"\norg = "acme"\n')
    service = subprocess.Popen(
        [sys.executable, "-m", "postroom", "-c", str(config), "run"], stderr=subprocess.PIPE, env=ENVIRONMENT
    )
    try:
        assert service.stderr is not None
        assert any(b'"started"' in line for line in service.stderr)

        locked = postroom(config, "fetch", "--once", answer=75)
        skipped = postroom(config, "fetch", "--once", "--skip-locked", answer=0)
    finally:
        service.terminate()
        service.communicate(timeout=20)

    assert f"postroom run (pid {service.pid}, since " in locked.err
    assert "E-LOCKED" in locked.err
    assert skipped.out == ""
    assert service.returncode == 0


# What is left when no further mail fits must hold the rows of a failed round: the size goes by the tables.
FULL_DISK = """
set -e
mount -t tmpfs -o size=3200k,mode=700 postroom-test "$1/state"
"$2" -m postroom -c "$1/postroom.toml" fetch --once --json && echo "exit 0" || echo "exit $?"
ls "$1/Maildir/new" | wc -l
mount -o remount,size=64m "$1/state"
"$2" -m postroom -c "$1/postroom.toml" fetch --once --json && echo "exit 0" || echo "exit $?"
ls "$1/Maildir/new" | wc -l
"$2" -m postroom -c "$1/postroom.toml" messages --json | grep -c '"status": "parsed"'
"""


def test_a_full_disk_keeps_every_mail_and_ends_well_once_there_is_room(tmp_path: Path) -> None:
    if on_cluster_leg():
        pytest.skip("on this leg the disk that fills holds neither rows nor objects")
    own_mounts = (
        ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--user", "--map-root-user", "--mount"]
    )
    if subprocess.run([*own_mounts, "true"], check=False, capture_output=True).returncode:
        pytest.skip("needs the right to a mount namespace of its own (unshare --mount)")
    config = write_config(tmp_path, f'[maildir.intake]\npath = "{tmp_path}/Maildir"\norg = "acme"\n')
    (tmp_path / "state").mkdir()
    maildir.create(tmp_path / "Maildir")
    for number in range(20):
        maildir.deliver(tmp_path / "Maildir", MAIL % (number, b"x" * 200_000))

    done = subprocess.run(
        [*own_mounts, "sh", "-c", FULL_DISK, "sh", str(config.parent), sys.executable],
        capture_output=True,
        text=True,
        check=False,
        env=ENVIRONMENT,
    )

    assert "Traceback" not in done.stderr
    full, left, room, after, parsed = (line for line in done.stdout.splitlines() if not line.startswith("{"))
    assert (full, int(left)) == ("exit 74", 20), done.stderr
    assert (room, int(after), int(parsed)) == ("exit 0", 0, 20), done.stderr
