"""All files and variables merged into one tree: for each table its keys, for each key who set it last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from postroom.config import schema
from postroom.config.find import TomlFile
from postroom.config.hints import did_you_mean, not_yet
from postroom.config.notes import Notes, Where
from postroom.config.toml import bare


@dataclass(frozen=True, slots=True)
class Cell:
    """The value of one key as TOML holds it; `inner` has the lines of the keys of an inline table."""

    raw: object
    where: Where
    inner: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Part:
    """One table: where it was first opened, and its keys."""

    where: Where
    cells: dict[str, Cell] = field(default_factory=dict)


@dataclass(slots=True)
class Tree:
    """The tables by section and name; the name is "" except in a family, as in [mailbox.orders]."""

    parts: dict[tuple[str, str], Part] = field(default_factory=dict)

    def open(self, section: str, name: str, where: Where) -> Part:
        """Return a table, made where it was not there."""
        return self.parts.setdefault((section, name), Part(where))

    def names(self, family: str) -> list[str]:
        """Return the user's own names in a family, in the order of the files."""
        return [name for section, name in self.parts if section == family]


def merge(tree: Tree, file: TomlFile, notes: Notes) -> None:
    """Lay one file over `tree`: key by key, the later one wins; unknown keys become faults."""
    for name, raw in file.tables.items():
        if name in schema.section(schema.TOP):
            _put(tree, file, (name,), raw)
        elif name in schema.FAMILIES:
            _merge_family(tree, file, name, raw, notes)
        elif name in schema.SECTIONS and name != schema.TOP:
            _merge_table(tree, file, (name,), raw, notes)
        else:
            known = [*schema.section(schema.TOP), *filter(None, schema.SECTIONS)]
            _unknown(file, (name,), known, notes)


def _merge_family(tree: Tree, file: TomlFile, family: str, raw: object, notes: Notes) -> None:
    if not isinstance(raw, dict):
        hint = f"write [{family}.NAME], the name being your own"
        notes.fault(file.where((family,)), family, "must be a table of tables", hint)
        return
    for name, table in raw.items():
        if isinstance(table, dict):
            _merge_table(tree, file, (family, name), table, notes)
        else:
            _misplaced(file, (family, name), notes)


def _misplaced(file: TomlFile, path: tuple[str, str], notes: Notes) -> None:
    family, name = path
    if name in schema.section(family):
        hint = f"it belongs in a table with a name of your own: [{family}.NAME]"
    else:
        hint = f"write [{family}.{bare(name)}] and its keys below"
    notes.fault(file.where(path), f"{family}.{bare(name)}", "must be a table", hint)


def _merge_table(tree: Tree, file: TomlFile, path: tuple[str, ...], raw: object, notes: Notes) -> None:
    if not isinstance(raw, dict):
        notes.fault(file.where(path), path[0], "must be a table", f"write [{path[0]}] and its keys below")
        return
    tree.open(path[0], path[1] if len(path) > 1 else "", file.where(path))
    known = list(schema.section(path[0]))
    for leaf, value in raw.items():
        inner = [key.removeprefix(f"{leaf}.") for key in known if key.startswith(f"{leaf}.")]
        if leaf in known:
            _put(tree, file, (*path, leaf), value)
        elif inner:
            _merge_inner(tree, file, (*path, leaf), value, notes)
        else:
            _unknown(file, (*path, leaf), known, notes)


def _merge_inner(tree: Tree, file: TomlFile, path: tuple[str, ...], raw: object, notes: Notes) -> None:
    """Lay a table within a table over `tree`, as [org.NAME.documents] is."""
    if not isinstance(raw, dict):
        table = ".".join(bare(part) for part in path)
        notes.fault(file.where(path), table, "must be a table", f"write [{table}] and its keys below")
        return
    known = [leaf.removeprefix(f"{path[-1]}.") for leaf in schema.section(path[0])]
    for leaf, value in raw.items():
        if f"{path[-1]}.{leaf}" in schema.section(path[0]):
            _put(tree, file, (*path, leaf), value)
        else:
            _unknown(file, (*path, leaf), known, notes)


def _put(tree: Tree, file: TomlFile, path: tuple[str, ...], raw: object) -> None:
    where = file.where(path)
    section = path[0] if len(path) > 1 else schema.TOP
    name = path[1] if section in schema.FAMILIES else ""
    leaf = ".".join(path[2:] if section in schema.FAMILIES else path[-1:])
    inner = {key: file.where((*path, key)).line for key in raw} if isinstance(raw, dict) else {}
    tree.open(section, name, replace(where, line=1)).cells[leaf] = Cell(raw, where, inner)


def _unknown(file: TomlFile, path: tuple[str, ...], known: list[str], notes: Notes) -> None:
    leaf = path[-1]
    hint = not_yet(leaf) or _home(leaf) or did_you_mean(leaf, known)
    notes.fault(file.where(path), ".".join(bare(part) for part in path), "unknown key", hint)


def _home(leaf: str) -> str:
    """Return where a key belongs that stands in the wrong table, or "" where it belongs nowhere."""
    homes = [key for key in schema.ALL if key.leaf == leaf]
    if not homes:
        return ""
    if homes[0].section == schema.TOP:
        return "it belongs at the top of the file, above the first [table]"
    tables = dict.fromkeys(key.path.rpartition(".")[0].replace("*", "NAME") for key in homes)
    return "it belongs in " + " or ".join(f"[{table}]" for table in tables)
