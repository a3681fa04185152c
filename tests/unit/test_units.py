"""The systemd units, and the script that looks at them."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from tests.unit.scripts import run

ROOT = Path(__file__).parents[2]
SYSTEMD = ROOT / "packaging" / "systemd"


def unit_lines(name: str) -> set[str]:
    """Return the assignments of a unit."""
    text = (SYSTEMD / name).read_text(encoding="utf-8")
    return {line for line in text.splitlines() if line and not line.startswith("#")}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a folder with the units and the script that looks at them; systemd's tools must be here."""
    if shutil.which("systemd-analyze") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("systemd-analyze is missing (Debian: systemd)")
        pytest.skip("needs systemd-analyze (Debian: systemd)")
    shutil.copytree(ROOT / "packaging", tmp_path / "packaging")
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "check-units", tmp_path / "tools")
    return tmp_path


def look(checkout: Path) -> tuple[int, str]:
    done = run([str(checkout / "tools" / "check-units")], {"PATH": os.environ["PATH"]})
    return done.returncode, done.stdout


def test_systemd_finds_no_fault_and_says_how_exposed_each_service_is(checkout: Path) -> None:
    code, said = look(checkout)

    figures = re.findall(r"^Overall exposure level for (\S+): (\d\.\d)$", said, flags=re.MULTILINE)
    assert code == 0, said
    assert [name for name, _ in figures] == [
        "postroom-fetch.service",
        "postroom.service",
        "postroom@i.service",
    ]
    assert all(float(figure) <= 1.5 for _, figure in figures)


@pytest.mark.parametrize(
    ("file", "line", "instead", "words"),
    [
        pytest.param(
            "systemd/postroom.service",
            "WatchdogSec=60",
            "WatchDogSec=60",
            "Unknown key",
            id="a typing error",
        ),
        pytest.param(
            "systemd/postroom@.service",
            "CapabilityBoundingSet=",
            "# nothing",
            "exposed by more than 1.5",
            id="too exposed",
        ),
        pytest.param(
            "sysusers.d/postroom.conf", "u postroom", "x postroom", "FAULT sysusers.d", id="no user"
        ),
        pytest.param(
            "tmpfiles.d/postroom.conf", "0700", "0755", "var/lib/postroom 755", id="a folder for all"
        ),
    ],
)
def test_a_fault_in_what_is_packaged_is_found(
    checkout: Path, file: str, line: str, instead: str, words: str
) -> None:
    if "tmpfiles" in file and os.geteuid() != 0:
        pytest.skip("needs root: nobody else can make folders of another user")
    path = checkout / "packaging" / file
    text = path.read_text(encoding="utf-8")
    assert line in text
    path.write_text(text.replace(line, instead), encoding="utf-8")

    code, said = look(checkout)

    assert code == 1
    assert words in said


def test_a_machine_without_systemd_is_told_what_was_not_looked_at(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for tool in ("sh", "dirname"):
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool) or "")

    done = run([str(checkout / "tools" / "check-units")], {"PATH": str(tmp_path / "bin")})
    in_ci = run([str(checkout / "tools" / "check-units")], {"PATH": str(tmp_path / "bin"), "CI": "true"})

    assert (done.returncode, in_ci.returncode) == (0, 1)
    assert done.stdout == (
        "not looked at: systemd-analyze is missing (Debian and Ubuntu: apt-get install systemd)\n"
    )


def test_instances_differ_from_the_service_in_their_state_dir_only() -> None:
    service, instance = unit_lines("postroom.service"), unit_lines("postroom@.service")

    assert instance - service == {
        "Description=postroom: documents out of mail (%i)",
        "Environment=POSTROOM_STATE_DIR=%S/postroom/%i",
        "StateDirectory=postroom/%i",
        "RuntimeDirectory=postroom/%i",
    }
    assert service - instance == {
        "Description=postroom: documents out of mail",
        "StateDirectory=postroom",
        "RuntimeDirectory=postroom",
    }


def test_a_round_is_fenced_like_the_service() -> None:
    service, fetch = unit_lines("postroom.service"), unit_lines("postroom-fetch.service")

    assert service - fetch == {
        "Description=postroom: documents out of mail",
        "Type=notify",
        "ExecStart=/opt/postroom/bin/postroom -c /etc/postroom/postroom.toml run",
        "TimeoutStartSec=15min",
        "WatchdogSec=60",
        "Restart=on-failure",
        "RestartSec=10",
        "RestartPreventExitStatus=64 78",
        "RuntimeDirectory=postroom",
        "RuntimeDirectoryMode=0755",
        "[Install]",
        "WantedBy=multi-user.target",
    }
