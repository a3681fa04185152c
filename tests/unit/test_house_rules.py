"""The house rules that no linter knows."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from postroom.cli.registry import COMMANDS
from postroom.config.schema import keys
from postroom.errors import Exit, by_code
from postroom.web.metrics import METRICS

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


Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Module:
    """What the rules ask of one module; `functions` are their names and lines of code."""

    name: str
    text: str
    docstring: str | None
    functions: list[tuple[str, int]]
    sleeps: int

    @property
    def lines(self) -> int:
        return len(self.text.splitlines())


@cache
def module(path: Path) -> Module:
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    nodes = list(ast.walk(tree))
    called = [node.func for node in nodes if isinstance(node, ast.Call)]
    return Module(
        name=relative(path),
        text=text,
        docstring=ast.get_docstring(tree),
        functions=[(node.name, lines_of_code(node)) for node in nodes if isinstance(node, Function)],
        sleeps=sum(isinstance(f, ast.Attribute) and f.attr == "sleep" for f in called),
    )


def lines_of_code(function: Function) -> int:
    last = function.body[-1].end_lineno or function.lineno
    spoken = function.body[0] if ast.get_docstring(function) else None
    docstring = (spoken.end_lineno or 0) - spoken.lineno + 1 if spoken else 0
    return last - function.lineno + 1 - docstring


def test_a_module_fits_in_the_head() -> None:
    assert [(each.name, each.lines) for each in map(module, ROOMS) if each.lines > 250] == []


def test_a_test_module_is_read_in_one_sitting() -> None:
    assert [(each.name, each.lines) for each in map(module, TESTS) if each.lines > 400] == []


def test_a_function_fits_on_a_screen() -> None:
    too_long = [
        (each.name, name, lines)
        for each in map(module, ROOMS)
        for name, lines in each.functions
        if lines > 30
    ]

    assert too_long == []


def test_names_say_what_a_thing_is() -> None:
    names = [(path, name) for path in SOURCES for name in (path.stem, *dict(module(path).functions))]

    assert [
        (relative(path), name) for path, name in names if FORBIDDEN_NAMES.search(name) or name == "process"
    ] == []


def test_a_module_says_what_it_is_for() -> None:
    assert [each.name for each in map(module, SOURCES) if not each.docstring] == []


def test_only_the_jobs_and_the_entry_points_catch_everything() -> None:
    catch_all = [
        path for path in SOURCES if re.search(r"except (Base)?Exception\b|except:", module(path).text)
    ]

    entries = {"postroom/cli/main.py", "postroom/unpack/child.py"}
    others = [path for path in catch_all if path.parent.name != "jobs"]
    assert {relative(path) for path in others} <= entries


def test_no_pattern_repeats_a_group_possessively() -> None:
    # Python 3.11.0 to 3.11.4 do not go back to where a repetition began that failed halfway (gh-106052):
    # write (?>(?:...)*), which all of them read right.
    possessive = re.compile(r"\)(?:[*+?]|\{[0-9,]*\})\+")

    assert [each.name for each in map(module, SOURCES) if possessive.search(each.text)] == []


def test_no_test_sleeps() -> None:
    assert [each.name for each in map(module, TESTS) if each.sleeps] == []


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


def test_every_metric_is_documented_with_its_meaning() -> None:
    page = reference("metrics.md")

    rows = {line.split("|")[1].strip(): line for line in page.splitlines() if line.startswith("| `")}
    assert sorted(rows) == [f"`{name}`" for name in sorted(METRICS)]
    assert [name for name, meaning in METRICS.items() if meaning not in rows[f"`{name}`"]] == []


def test_every_exit_code_is_documented() -> None:
    page = reference("exit-codes.md")

    assert [code for code in Exit if f"| {code.value} |" not in page] == []
