"""What `make` and .ci/run promise on a machine; Python and make are faked where they would go online."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.unit.scripts import run, write_script

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FAKE_PYTHON = """#!/bin/sh
case "$1 $2" in
    "-c "*_base_executable*) echo "$0" ;;
    "-c "*%d.%d*) echo VERSION ;;
    "-c "*) exit STATUS ;;
    "-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
    "-m pip") echo "$*" >> calls ;;
esac
"""


@dataclass
class Checkout:
    """A folder with tools/venv, requirements files, and a Python that only writes down what it was asked."""

    root: Path
    python: Path
    version: str = "3.12"

    def __post_init__(self) -> None:
        (self.root / "tools").mkdir(parents=True)
        shutil.copy(ROOT / "tools" / "venv", self.root / "tools" / "venv")
        for name in ("requirements.txt", "requirements-build.txt", "requirements-dev.txt", "pyproject.toml"):
            (self.root / name).write_text(name, encoding="utf-8")
        self.use_python(self.version)

    def use_python(self, version: str, status: int = 0) -> None:
        write_script(self.python, FAKE_PYTHON.replace("VERSION", version).replace("STATUS", str(status)))

    def set_up(self, part: str) -> subprocess.CompletedProcess[str]:
        environment = {"PATH": "/usr/bin:/bin", "PYTHON": str(self.python)}
        return run([str(self.root / "tools" / "venv"), part], environment, self.root)

    @property
    def installs(self) -> int:
        calls = self.root / "calls"
        return len(calls.read_text(encoding="utf-8").splitlines()) if calls.exists() else 0


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "a checkout", tmp_path / "python")


def test_a_second_run_installs_nothing(checkout: Checkout) -> None:
    first = checkout.set_up("app")
    installs = checkout.installs

    second = checkout.set_up("app")

    assert (first.returncode, second.returncode) == (0, 0)
    assert (installs, checkout.installs) == (2, 2)
    assert (second.stdout, second.stderr) == ("", "")


def test_a_changed_requirements_file_is_installed_again(checkout: Checkout) -> None:
    checkout.set_up("app")
    (checkout.root / "requirements.txt").write_text("click==8.2.1", encoding="utf-8")

    done = checkout.set_up("app")

    assert done.stdout == "Installing the libraries postroom uses\n"


def test_the_application_is_installed_by_hash_and_builds_nothing_of_its_own(checkout: Checkout) -> None:
    checkout.set_up("app")
    checkout.set_up("dev")

    calls = (checkout.root / "calls").read_text(encoding="utf-8").splitlines()
    assert [
        ("--require-hashes" in call, "--no-build-isolation --no-deps -e ." in call) for call in calls
    ] == [
        (True, False),
        (False, True),
        (True, False),
    ]


def test_a_broken_environment_is_made_anew(checkout: Checkout) -> None:
    checkout.set_up("app")
    (checkout.root / ".venv" / "bin" / "python").unlink()

    done = checkout.set_up("app")

    assert done.returncode == 0
    assert "The environment in .venv is broken: making it anew." in done.stdout
    assert checkout.installs == 4


def test_an_environment_of_another_python_is_made_anew(checkout: Checkout) -> None:
    checkout.set_up("app")
    checkout.use_python("3.13")

    done = checkout.set_up("app")

    assert done.returncode == 0
    assert "was made by another Python" in done.stdout


def test_an_environment_whose_folder_was_moved_is_made_anew(checkout: Checkout, tmp_path: Path) -> None:
    checkout.set_up("app")
    checkout.root = checkout.root.rename(tmp_path / "moved")

    done = checkout.set_up("app")

    assert "The environment in .venv was moved: making it anew." in done.stdout


def test_a_python_that_is_too_old_is_named_with_the_way_out(checkout: Checkout) -> None:
    checkout.use_python("3.9", status=1)

    done = checkout.set_up("app")

    assert done.returncode == 1
    assert "postroom needs Python 3.11 or newer" in done.stderr
    assert "is: 3.9." in done.stderr
    assert not (checkout.root / ".venv").exists()


def test_a_python_without_venv_is_told_what_to_install(checkout: Checkout) -> None:
    without_venv = FAKE_PYTHON.replace('"-c "*)', '"-c import ensurepip"*) exit 1 ;;\n    "-c "*)')
    write_script(checkout.python, without_venv.replace("STATUS", "0"))

    done = checkout.set_up("app")

    assert done.returncode == 1
    assert "apt-get install python3-venv" in done.stderr


# --- temporary files in memory -------------------------------------------------------------------

TELL = ["sh", "-c", 'echo "${TMPDIR:-the disk}"; exit 3']


def in_memory(tmp_path: Path, *, free_kib: int = 4_194_304, **environment: str) -> tuple[str, int]:
    """Return where a command that tools/in-memory runs has its files, below tmp_path, and its status."""
    (tmp_path / "bin").mkdir(exist_ok=True)
    (tmp_path / "memory").mkdir()
    table = f"Filesystem 1024-blocks Used Available\\ntmpfs 9000000 0 {free_kib}\\n"
    write_script(tmp_path / "bin" / "df", f"printf '{table}'")
    path = {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}", "SHARED_MEMORY": str(tmp_path / "memory")}

    done = run([str(ROOT / "tools" / "in-memory"), *TELL], path | environment)

    assert list((tmp_path / "memory").iterdir()) == []
    assert done.stderr == ""
    return done.stdout.strip().removeprefix(f"{tmp_path}/"), done.returncode


def test_temporary_files_lie_in_memory_until_the_command_ends_with_its_own_status(tmp_path: Path) -> None:
    place, status = in_memory(tmp_path)

    assert place.startswith("memory/pr.")
    assert status == 3


def test_memory_with_little_room_is_left_alone(tmp_path: Path) -> None:
    assert in_memory(tmp_path, free_kib=4_194_303) == ("the disk", 3)


def test_a_folder_that_was_chosen_stays_chosen(tmp_path: Path) -> None:
    assert in_memory(tmp_path, TMPDIR="/chosen") == ("/chosen", 3)


def test_memory_that_runs_no_programs_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    write_script(tmp_path / "bin" / "chmod", "exit 0")  # what is written there cannot be run

    assert in_memory(tmp_path) == ("the disk", 3)


def test_make_alone_lists_every_target_a_person_may_call() -> None:
    targets = set(re.findall(r"^\.PHONY: ([\w-]+)$", MAKEFILE, flags=re.MULTILINE))

    listed = run(["make"], {"PATH": os.environ["PATH"]}, ROOT).stdout

    assert {line.split()[1] for line in listed.splitlines()} == targets
    assert {"demo", "test", "check"} < targets


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-build.txt", "requirements-dev.txt"])
def test_requirements_name_hashes_and_no_place_to_install_from(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")

    pins = re.findall(r"^[a-z0-9._-]+==\S+.*$", text, flags=re.MULTILINE)
    assert pins
    assert [pin for pin in pins if not pin.endswith("\\")] == []
    assert (
        re.findall(r"://|^\s*-(?:-index-url|-extra-index-url|-find-links|i|f)\b", text, flags=re.MULTILINE)
        == []
    )


def test_ci_checks_and_tests_everything_and_ends_with_what_became_of_the_containers(tmp_path: Path) -> None:
    for folder in ("bin", "tree/.ci", "tree/build", "shared/corpus"):
        (tmp_path / folder).mkdir(parents=True)
    shutil.copy(ROOT / ".ci" / "run", tmp_path / "tree/.ci/run")
    write_script(tmp_path / "bin" / "make", 'echo "$1 CI=$CI corpus=$POSTROOM_CORPUS"')
    (tmp_path / "tree/build/test-containers").write_text(
        "test-containers: what came of it\n", encoding="utf-8"
    )

    done = run([str(tmp_path / "tree/.ci/run")], {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"})

    corpus = tmp_path / "shared" / "corpus"
    assert done.stdout.splitlines() == [
        *(
            f"{target} CI=true corpus={corpus}"
            for target in ("check", "test", "test-containers", "test-cluster")
        ),
        "test-containers: what came of it",
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_in_the_pages_leads_to_a_file(page: Path) -> None:
    text = page.read_text(encoding="utf-8")

    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text)]

    assert [link for link in links if link and not (page.parent / link).exists()] == []
