"""What tools/debian-packages promises on somebody's machine; apt, dpkg, sudo and systemctl are faked."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.unit.scripts import run, write_script

ROOT = Path(__file__).parents[2]
DOVECOT = "Inst dovecot-core (1:2.3 Debian:12 [amd64])\nInst dovecot-imapd (1:2.3 Debian:12 [amd64])\n"
FAKES = {
    "dpkg-query": """
        case $1 in
            -W) [ -e "$STATE/installed/$3" ] && printf 'ii ' ;;
            -L) cat "$STATE/files/$2" ;;
        esac""",
    "apt-get": """
        echo "apt-get $*" >> "$STATE/calls"
        case "$*" in
            *-s*install*)
                [ ! -e "$STATE/stale" ] || { echo "E: Unable to locate package"; exit 100; }
                cat "$STATE/plan" ;;
            *update*) rm -f "$STATE/stale" ;;
            *install*)
                answer=0; "$POSTROOM_POLICY_RC_D" dovecot start || answer=$?
                echo "policy $answer" >> "$STATE/calls"
                [ ! -e "$STATE/broken" ] || { echo "E: dpkg was interrupted"; exit 100; }
                awk '$1 == "Inst" { print $2 }' "$STATE/plan" | (cd "$STATE/installed" && xargs touch) ;;
        esac""",
    "systemctl": """
        case $1 in
            list-unit-files) echo "ssh.service enabled" ;;
            disable) echo "systemctl $*" >> "$STATE/calls" ;;
        esac""",
    "debconf-set-selections": """
        [ ! -e "$STATE/mute" ] || exit 1
        echo "debconf $(cat)" >> "$STATE/calls" """,
    "id": """ echo "${FAKE_UID:-0}" """,
    "sudo": """ [ -n "${FAKE_SUDO:-}" ] || exit 1; shift; exec "$@" """,
}


@dataclass
class Machine:
    """A Debian of fakes under `root`: `plan` is what apt-get says it would do."""

    root: Path
    plan: str = DOVECOT
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for folder in ("bin", "installed", "files"):
            (self.root / folder).mkdir()
        for name, text in FAKES.items():
            write_script(self.root / "bin" / name, text)
        self.has_files("dovecot-core", "/usr/lib/systemd/system/dovecot.service")
        self.has_files("dovecot-imapd", "/usr/share/doc/dovecot-imapd/copyright")

    def has_files(self, package: str, *paths: str) -> None:
        (self.root / "files" / package).write_text("\n".join(paths) + "\n", encoding="utf-8")

    @property
    def policy(self) -> Path:
        return self.root / "policy-rc.d"

    @property
    def calls(self) -> list[str]:
        path = self.root / "calls"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    @property
    def installs(self) -> list[str]:
        return [call for call in self.calls if " install -y" in call]

    def install(self, *packages: str) -> subprocess.CompletedProcess[str]:
        (self.root / "plan").write_text(self.plan, encoding="utf-8")
        fixed = {
            "PATH": f"{self.root / 'bin'}:/usr/bin:/bin",
            "STATE": str(self.root),
            "POSTROOM_POLICY_RC_D": str(self.policy),
        }
        return run([str(ROOT / "tools" / "debian-packages"), *packages], {**fixed, **self.environment})


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_package_that_is_there_costs_no_call_to_apt(machine: Machine) -> None:
    (machine.root / "installed" / "openssl").touch()

    done = machine.install("openssl")

    assert (done.returncode, done.stdout, machine.calls) == (0, "", [])


def test_a_missing_package_is_installed_while_services_are_forbidden(machine: Machine) -> None:
    done = machine.install("dovecot-imapd")

    assert done.returncode == 0
    assert len(machine.installs) == 1
    assert "--no-install-recommends --no-remove dovecot-imapd" in machine.installs[0]
    assert "policy 101" in machine.calls
    assert not machine.policy.exists()


def test_the_package_lists_are_fetched_only_when_they_do_not_do(machine: Machine) -> None:
    machine.install("dovecot-imapd")
    without_need = [call for call in machine.calls if call.endswith(" update")]
    (machine.root / "installed" / "dovecot-imapd").unlink()
    (machine.root / "stale").touch()

    done = machine.install("dovecot-imapd")

    assert without_need == []
    assert done.returncode == 0
    assert len([call for call in machine.calls if call.endswith(" update")]) == 1
    assert len(machine.installs) == 2


def test_what_came_along_does_not_start_at_the_next_boot_and_nothing_else_is_touched(
    machine: Machine,
) -> None:
    machine.has_files(
        "dovecot-imapd", "/lib/systemd/system/ssh.service", "/lib/systemd/system/dovecot.socket"
    )

    machine.install("dovecot-imapd")

    disabled = [call for call in machine.calls if call.startswith("systemctl disable")]
    assert disabled == [
        "systemctl disable --quiet dovecot.service",
        "systemctl disable --quiet dovecot.socket",
    ]


def test_postfix_is_installed_without_becoming_the_mail_server_of_the_machine(machine: Machine) -> None:
    machine.plan = "Inst postfix (3.7 Debian:12 [amd64])\n"

    done = machine.install("postfix")

    assert done.returncode == 0
    asked = [call for call in machine.calls if call.startswith("debconf") or " install -y" in call]
    assert asked[0] == "debconf postfix postfix/main_mailer_type select No configuration"
    assert asked[1].endswith("postfix")


def test_postfix_is_not_installed_where_it_would_configure_itself(machine: Machine) -> None:
    machine.plan = "Inst postfix (3.7 Debian:12 [amd64])\n"
    (machine.root / "mute").touch()

    done = machine.install("postfix")

    assert "Postfix cannot be told to stay unconfigured" in done.stderr
    assert machine.installs == []


def test_a_failed_installation_leaves_no_policy_behind_and_says_what_is_missing(machine: Machine) -> None:
    (machine.root / "broken").touch()

    done = machine.install("dovecot-imapd")

    assert done.returncode == 0
    assert "Not installed: dovecot-imapd (apt-get failed: E: dpkg was interrupted)" in done.stderr
    assert not machine.policy.exists()


@pytest.mark.parametrize(
    ("plan", "why"),
    [
        pytest.param(f"Remv exim4 [4.96]\n{DOVECOT}", "it would remove exim4", id="removes an MTA"),
        pytest.param(
            f"Inst libc6 [2.36] (2.37 Debian:12 [amd64])\n{DOVECOT}",
            "replace the installed libc6",
            id="upgrades",
        ),
    ],
)
def test_a_machine_is_left_alone_where_something_would_be_replaced(
    machine: Machine, plan: str, why: str
) -> None:
    machine.plan = plan

    done = machine.install("dovecot-imapd")

    assert done.returncode == 0
    assert why in done.stderr
    assert machine.installs == []


def test_ci_may_upgrade_but_never_remove(machine: Machine) -> None:
    machine.environment = {"CI": "true"}
    machine.plan = f"Inst libc6 [2.36] (2.37 Debian:12 [amd64])\n{DOVECOT}"
    upgraded = machine.install("dovecot-imapd")
    (machine.root / "installed" / "dovecot-imapd").unlink()
    machine.plan = f"Remv exim4 [4.96]\n{DOVECOT}"

    removing = machine.install("dovecot-imapd")

    assert (upgraded.returncode, removing.returncode) == (0, 1)
    assert len(machine.installs) == 1


@pytest.mark.parametrize(
    ("policy", "trusted"),
    [
        pytest.param("exit 101", True, id="forbids everything"),
        pytest.param("exit 0", False, id="allows everything"),
        pytest.param("[ $1 = dovecot ] || exit 101", False, id="allows this one"),
        pytest.param("[ $1 != dovecot ] || exit 101", False, id="forbids this one only"),
    ],
)
def test_a_policy_of_the_machine_is_asked_and_never_changed(
    machine: Machine, policy: str, trusted: bool
) -> None:
    write_script(machine.policy, policy)

    done = machine.install("dovecot-imapd")

    assert done.returncode == 0
    assert len(machine.installs) == (1 if trusted else 0)
    assert ("lets services start" in done.stderr) == (not trusted)
    assert machine.policy.read_text(encoding="utf-8") == f"#!/bin/sh\n{policy}\n"


def test_a_policy_left_by_a_killed_run_allows_services_again_and_is_cleared_away(machine: Machine) -> None:
    left = "# made by postroom's tools/debian-packages, process 1\n"
    write_script(machine.policy, f"{left}exit 0")

    done = machine.install("dovecot-imapd")

    assert done.returncode == 0
    assert "policy 101" in machine.calls
    assert not machine.policy.exists()


@pytest.mark.parametrize(
    ("environment", "exit_code"),
    [
        pytest.param({"FAKE_UID": "1000"}, 0, id="a user is told and the tests go on"),
        pytest.param({"FAKE_UID": "1000", "CI": "true"}, 1, id="CI ends here"),
    ],
)
def test_without_rights_nothing_is_tried(
    machine: Machine, environment: dict[str, str], exit_code: int
) -> None:
    machine.environment = environment

    done = machine.install("dovecot-imapd", "openssl")

    assert done.returncode == exit_code
    assert "needs root, or sudo without a password" in done.stderr
    assert "apt-get install --no-install-recommends dovecot-imapd openssl" in done.stderr
    assert machine.calls == []


def test_sudo_without_a_password_is_enough(machine: Machine) -> None:
    machine.environment = {"FAKE_UID": "1000", "FAKE_SUDO": "yes"}

    done = machine.install("dovecot-imapd")

    assert done.returncode == 0
    assert "policy 101" in machine.calls


def test_a_machine_without_apt_is_told_what_the_tests_look_for(machine: Machine, tmp_path: Path) -> None:
    other = tmp_path / "fedora"
    other.mkdir()
    for tool in ("mktemp", "rm"):
        (other / tool).symlink_to(shutil.which(tool) or tool)
    machine.environment = {"PATH": str(other), "CI": "true"}

    done = machine.install("dovecot-imapd")

    assert done.returncode == 0
    assert "No apt on this machine" in done.stderr
    assert "dovecot-imapd" in done.stderr
