from __future__ import annotations

import re
from pathlib import Path

import pytest

from postroom.config.load import load
from postroom.config.schema import ALL, Key
from postroom.config.toml import spelled
from tests.unit.config.desk import Desk

PAGE = (Path(__file__).parents[3] / "docs/reference/config.md").read_text(encoding="utf-8")
ROWS = {
    key: (default, example)
    for key, default, example in re.findall(r"(?m)^\| `([\w.*]+)` \| (.*?) \| (.*?) \|", PAGE)
}


WITHIN = re.compile(r"(org|mailbox|maildir)\.\*\.documents\.")
ROWS_OF_THEIR_OWN = [key for key in ALL if not WITHIN.match(key.path)]


@pytest.mark.parametrize("key", ROWS_OF_THEIR_OWN, ids=lambda key: str(key.path))
def test_the_page_gives_the_default_that_is_used(key: Key[object]) -> None:
    default = ROWS[key.path][0]

    if key.required:
        assert default == "required"
    elif key.default is not None:
        assert default.startswith(f"`{spelled(key.default)}`")
    else:
        assert "`" not in default


@pytest.mark.parametrize("key", [key for key in ALL if WITHIN.match(key.path)], ids=lambda key: str(key.path))
def test_a_narrower_table_has_the_keys_of_documents_and_says_nothing_by_default(key: Key[object]) -> None:
    table = key.path.partition(".")[0]

    assert WITHIN.sub("documents.", key.path) in ROWS
    assert f"`[{table}.NAME.documents]`" in PAGE
    assert key.default is None


def test_every_example_of_the_page_loads(desk: Desk) -> None:
    desk.write("x", "secrets/orders")
    tables: dict[str, list[str]] = {}
    for path, (_, example) in ROWS.items():
        table, _, leaf = path.rpartition(".")
        tables.setdefault(table.replace("*", f"my-{table.partition('.')[0]}"), []).append(
            f"{leaf} = {example.strip('`')}"
        )
    tables["mailbox.my-mailbox"] = [
        line for line in tables["mailbox.my-mailbox"] if not line.startswith(("folders", "password"))
    ]
    text = "\n".join("\n".join([f"[{table}]" if table else "", *lines]) for table, lines in tables.items())

    loaded = load(desk.write(text), environ={}, cwd=desk.folder, home=desk.home, is_root=False)

    assert loaded.settings.org["my-org"].name == "Acme GmbH"
