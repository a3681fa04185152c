"""The image and the compose files: what can be told of them without an engine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

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
