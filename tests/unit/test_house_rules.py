"""The house rules that no linter knows."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from postroom.cli.registry import COMMANDS
from postroom.config.schema import keys
from postroom.errors import Exit, by_code

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "postroom").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
# A migration is a record of what was run, not a room to live in.
ROOMS = [path for path in SOURCES if "versions" not in path.parts]
FORBIDDEN_NAMES = re.compile(r"(^|_)(utils?|helpers?|common|manager|misc)(_|$)")


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def reference(page: str) -> str:
    path = ROOT / "docs" / "reference" / page
    return path.read_text(encoding="utf-8") if path.exists() else ""


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def lines_of_code(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    last = function.body[-1].end_lineno or function.lineno
    spoken = function.body[0] if ast.get_docstring(function) else None
    docstring = (spoken.end_lineno or 0) - spoken.lineno + 1 if spoken else 0
    return last - function.lineno + 1 - docstring


@pytest.mark.parametrize("path", ROOMS, ids=relative)
def test_a_module_fits_in_the_head(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 250


@pytest.mark.parametrize("path", TESTS, ids=relative)
def test_a_test_module_is_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("path", ROOMS, ids=relative)
def test_a_function_fits_on_a_screen(path: Path) -> None:
    too_long = {f.name: lines_of_code(f) for f in functions(path) if lines_of_code(f) > 30}

    assert too_long == {}


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_names_say_what_a_thing_is(path: Path) -> None:
    names = [path.stem, *(f.name for f in functions(path))]

    assert [name for name in names if FORBIDDEN_NAMES.search(name) or name == "process"] == []


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_a_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_only_the_jobs_and_the_entry_points_catch_everything(path: Path) -> None:
    catches_all = re.search(r"except (Base)?Exception\b|except:", path.read_text(encoding="utf-8"))

    entries = {"postroom/cli/main.py", "postroom/unpack/child.py"}
    assert not catches_all or path.parent.name == "jobs" or relative(path) in entries


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_no_pattern_repeats_a_group_possessively(path: Path) -> None:
    # Python 3.11.0 to 3.11.4 do not go back to where a repetition began that failed halfway (gh-106052):
    # write (?>(?:...)*), which all of them read right.
    possessive = re.compile(r"\)(?:[*+?]|\{[0-9,]*\})\+")

    assert possessive.findall(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", TESTS, ids=relative)
def test_no_test_sleeps(path: Path) -> None:
    calls = [
        node.func
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
    ]

    assert [f for f in calls if isinstance(f, ast.Attribute) and f.attr == "sleep"] == []


def test_every_command_is_documented() -> None:
    page = reference("cli.md")

    assert [name for name in COMMANDS if f"## `postroom {name}" not in page] == []


def test_every_config_key_is_documented() -> None:
    page = reference("config.md")

    # The documents table of an org or a source has the keys of [documents], which the page has once.
    once = {re.sub(r"^\w+\.\*\.(documents\.)", r"\1", key) for key in keys()}
    assert [key for key in sorted(once) if f"`{key}`" not in page] == []


def test_every_error_code_is_documented() -> None:
    page = reference("errors.md")

    assert [code for code in by_code() if f"## {code}" not in page] == []


def test_every_exit_code_is_documented() -> None:
    page = reference("exit-codes.md")

    assert [code for code in Exit if f"| {code.value} |" not in page] == []
