"""`make test-containers` where something is not to be had: one thing may be missing, and it is named."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.unit.scripts import run, write_script

ROOT = Path(__file__).parents[2]
SCRIPTS = ("tools/test-containers", "tools/base-images", "tools/debian-packages", "tests/images/greenmail")
ENGINE_WITHOUT_IMAGES = '[ "$1" = info ]'


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Return a checkout with an engine that has no image and reaches no registry, where apt-get works."""
    for name in (*SCRIPTS, "tests/servers/greenmail.py"):
        (tmp_path / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / "tree" / name)
    (tmp_path / "bin").mkdir()
    write_script(tmp_path / "bin/docker", ENGINE_WITHOUT_IMAGES)
    write_script(tmp_path / "bin/apt-cache", "echo '  Depends: openjdk-17-jre-headless'")
    write_script(tmp_path / "bin/apt-get", "exit 0")
    write_script(tmp_path / "bin/dpkg-deb", "exit 0")
    return tmp_path / "tree"


def run_tests(tree: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    path = {"PATH": f"{tree.parent / 'bin'}:/usr/bin:/bin", "TMPDIR": str(tree.parent)}
    return run([str(tree / "tools/test-containers")], path | environment)


def test_what_maven_cannot_reach_is_skipped_by_name_also_in_ci(tree: Path) -> None:
    write_script(
        tree.parent / "bin/mvn", "echo '[ERROR] Could not transfer artifact x: no such host'; exit 1"
    )

    done = run_tests(tree, CI="true")

    skipped = (
        "test-containers: GreenMail was SKIPPED: "
        "neither greenmail/standalone:2.1.8 nor its artefact in Maven can be reached.\n"
    )
    assert done.returncode == 0
    assert done.stdout.endswith(skipped)
    assert (tree / "build/test-containers").read_text(encoding="utf-8") == skipped


def test_where_nothing_at_all_can_be_reached_it_is_skipped_too(tree: Path) -> None:
    write_script(
        tree.parent / "bin/mvn", "echo '[ERROR] Plugin x could not be resolved: Unknown host'; exit 1"
    )
    write_script(tree.parent / "bin/apt-get", "echo 'E: Failed to fetch'; exit 100")

    done = run_tests(tree, CI="true")

    assert done.returncode == 0
    assert "neither greenmail/standalone:2.1.8 nor its artefact in Maven can be reached." in done.stdout


def test_debian_packages_that_cannot_be_had_are_a_failure(tree: Path) -> None:
    write_script(tree.parent / "bin/mvn", "exit 0")
    write_script(tree.parent / "bin/apt-get", "echo 'E: Failed to fetch'; exit 100")

    done = run_tests(tree, CI="true")

    assert done.returncode == 1
    assert "E: Failed to fetch\nDebian's packages of the Java runtime cannot be had." in done.stderr


@pytest.mark.parametrize(
    "mvn",
    [
        pytest.param("echo 'No space left on device'; exit 1", id="mvn fails at something else"),
        pytest.param("exit 0", id="mvn gives no jar"),
    ],
)
def test_every_other_fault_of_the_image_is_a_failure(tree: Path, mvn: str) -> None:
    write_script(tree.parent / "bin/mvn", mvn)

    done = run_tests(tree, CI="true")

    assert done.returncode == 1
    assert "SKIPPED" not in done.stdout
    assert not (tree / "build/test-containers").exists()


@pytest.mark.parametrize(("ci", "code"), [("true", 1), ("", 0)])
def test_without_an_engine_it_is_skipped_but_not_in_ci(tree: Path, ci: str, code: int) -> None:
    write_script(tree.parent / "bin/docker", "exit 1")
    write_script(tree / "tools/debian-packages", "exit 0")
    write_script(tree / "tools/docker-engine", "echo 'dockerd is missing.' >&2; exit 1")

    done = run_tests(tree, CI=ci)

    assert done.returncode == code
    assert "dockerd is missing." in done.stderr
    assert ("GreenMail was SKIPPED: there is no Docker engine" in done.stdout) is (code == 0)


def test_the_image_that_is_made_is_the_one_that_the_tests_name(tree: Path) -> None:
    named = re.findall(r'^IMAGE = "(.*)"$', (tree / "tests/servers/greenmail.py").read_text(), re.MULTILINE)

    made = run([str(tree / "tests/images/greenmail")], {"PATH": "/usr/bin:/bin"})
    other = run([str(tree / "tests/images/greenmail"), "greenmail/standalone:0"], {"PATH": "/usr/bin:/bin"})

    assert made.stderr == f"usage: tests/images/greenmail {named[0]}\n"
    assert (other.returncode, other.stderr) == (
        1,
        f"greenmail/standalone:0 is not known here, only {named[0]}.\n",
    )
