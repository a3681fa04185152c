"""The image and the compose files: what can be told of them without an engine."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.scripts import run

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def services(name: str) -> dict[str, Any]:
    """Return the services of a compose file."""
    composed = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))
    found: dict[str, Any] = composed["services"]
    return found


# --- the image ------------------------------------------------------------------------------------


def test_the_image_runs_as_a_plain_user_and_is_asked_for_its_health() -> None:
    last = DOCKERFILE[DOCKERFILE.rindex("\nFROM ") :]

    assert "\nUSER 10001:10001\n" in last
    assert re.search(r'^HEALTHCHECK .* CMD \["postroom", "healthcheck"\]$', last, flags=re.MULTILINE)
    assert "\nSTOPSIGNAL SIGTERM\n" in last
    assert "pip install" not in last


def test_the_image_is_built_by_hash_from_the_pins_of_a_checkout() -> None:
    installs = [line for line in DOCKERFILE.splitlines() if " install " in line and "pip" in line]

    assert len(installs) == 3
    assert all("--require-hashes" in line or "--no-index --no-deps" in line for line in installs)


# --- the scripts ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        pytest.param(
            ["image-check", "three"], "usage: tools/image-check [one|many]...", id="an unknown part"
        ),
        pytest.param(["docker-engine", "start", "near"], "must be an absolute path", id="a relative folder"),
        pytest.param(
            ["docker-engine", "again", "/nowhere"], "usage: tools/docker-engine", id="an unknown wish"
        ),
        pytest.param(["base-images", "python:3.12-slim"], "No Docker engine answers.", id="no engine"),
        pytest.param(["base-images"], "usage: tools/base-images IMAGE...", id="no image"),
    ],
)
def test_a_script_that_cannot_begin_says_why_and_makes_nothing(
    tmp_path: Path, arguments: list[str], words: str
) -> None:
    name, *rest = arguments
    nowhere = {
        "PATH": os.environ["PATH"],
        "DOCKER_HOST": f"unix://{tmp_path}/nobody",
        "TMPDIR": str(tmp_path),
    }

    done = run([str(ROOT / "tools" / name), *rest], nowhere)

    assert done.returncode != 0
    assert words in done.stderr
    assert list(tmp_path.iterdir()) == []


# --- compose --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["compose.yaml", "compose.single.yaml"])
def test_a_composed_postroom_has_no_rights_and_writes_to_its_volumes_only(name: str) -> None:
    postroom = services(name)["postroom"]

    assert postroom["read_only"] is True
    assert postroom["cap_drop"] == ["ALL"]
    assert postroom["security_opt"] == ["no-new-privileges:true"]
    assert [
        service for service in services(name).values() if "ports" in service or "privileged" in service
    ] == []


def test_the_same_configuration_serves_one_postroom_and_many() -> None:
    one, many = services("compose.single.yaml")["postroom"], services("compose.yaml")["postroom"]

    assert {key for key in many if many[key] != one.get(key)} == {
        "deploy",
        "depends_on",
        "environment",
        "volumes",
    }
    assert many["deploy"] == {"replicas": 2}
    assert one["volumes"][1] == many["volumes"][1]


def test_each_of_many_has_a_state_dir_of_its_own() -> None:
    volumes = services("compose.yaml")["postroom"]["volumes"]

    assert volumes[0] == "/var/lib/postroom"  # anonymous: one for each container


def test_no_composed_password_has_a_default() -> None:
    text = (ROOT / "compose.yaml").read_text(encoding="utf-8")

    secrets = re.findall(r"^ +(\w*(?:PASSWORD|SECRET)\w*): (.*)$", text, flags=re.MULTILINE)
    assert len(secrets) == 6
    assert [name for name, value in secrets if not re.fullmatch(r"\$\{\w+:\?set it in \.env\}", value)] == []
