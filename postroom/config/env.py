"""Environment variables that set keys: POSTROOM_MAILBOX__ORDERS__PASSWORD, or ..._PASSWORD_FILE."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from postroom.config import schema
from postroom.config.hints import nearest, not_yet
from postroom.config.notes import Notes, Where
from postroom.config.tree import Cell, Tree
from postroom.config.values import ValueFault

PREFIX = "POSTROOM_"
NOT_CONFIG = frozenset({"POSTROOM_CONFIG", "POSTROOM_CORPUS", "POSTROOM_FAILPOINT", "POSTROOM_PROFILE"})
# Kubernetes sets these in every pod beside a Service that is called postroom or postroom-something.
_SERVICE_LINK = re.compile(r"POSTROOM_([A-Z0-9_]*_)?(SERVICE_HOST|SERVICE_PORT|PORT)(_[A-Z0-9]+)*")
_MOST_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Target:
    """The key that a variable sets; `from_file` where its text is the path of a file that holds the value."""

    section: str
    name: str
    key: schema.Key[Any]
    from_file: bool

    @property
    def place(self) -> tuple[str, str, str]:
        return self.section, self.name, self.key.leaf


def merge_env(tree: Tree, environ: Mapping[str, str], cwd: Path, notes: Notes) -> None:
    """Lay the variables over `tree`; an empty one counts as not set, an unknown one is a fault."""
    taken: dict[tuple[str, str, str], str] = {}
    for variable in sorted(filter(is_ours, environ)):
        where = Where(f"env {variable}", 0, cwd)
        target = _target(variable, tree)
        if target is None:
            notes.fault(where, "", "sets no known key", _hint(variable, tree))
        elif target.place in taken:
            notes.fault(where, "", f"{taken[target.place]} sets the same key", "keep one of them")
        elif environ[variable]:
            taken[target.place] = variable
            _set(tree, target, environ[variable], where, notes)


def is_ours(variable: str) -> bool:
    """Return whether a variable is meant to set a key."""
    stranger = variable in NOT_CONFIG or ("__" not in variable and _SERVICE_LINK.fullmatch(variable))
    return variable.startswith(PREFIX) and not stranger


def _target(variable: str, tree: Tree) -> Target | None:
    """Return what a variable sets: letter case does not count, and "_" stands for "-" too."""
    words = [_folded(word) for word in variable.removeprefix(PREFIX).split("__")]
    section = words[0] if len(words) > 1 else schema.TOP
    before = 2 if section in schema.FAMILIES else 0 if section == schema.TOP else 1
    if len(words) <= before:
        return None
    name = _name(section, words[1], tree) if section in schema.FAMILIES else ""
    keys, said = schema.section(section), ".".join(words[before:])
    leaf = said if said in keys else said.removesuffix("_file")
    return Target(section, name, keys[leaf], leaf != said) if leaf in keys else None


def _name(family: str, word: str, tree: Tree) -> str:
    """Return the table that a folded name means: one of the file's, or a new one."""
    return next((name for name in tree.names(family) if _folded(name) == word), word.replace("_", "-"))


def _folded(word: str) -> str:
    return word.lower().replace("-", "_")


def _set(tree: Tree, target: Target, text: str, where: Where, notes: Notes) -> None:
    key = target.key
    try:
        raw = _from_file(key, text, where.folder) if target.from_file else key.kind.from_text(_checked(text))
    except ValueFault as fault:
        notes.fault(where, "", fault.message, fault.hint)
        return
    tree.open(target.section, target.name, where).cells[key.leaf] = Cell(raw, where)


def _from_file(key: schema.Key[Any], path: str, folder: Path) -> object:
    """Return what TOML would hold: a secret's file is read when the secret is, and its rights are checked."""
    if key.kind.secret:
        return {"file": _checked(path)}
    try:
        with (folder / path).open("rb") as file:
            content = file.read(_MOST_BYTES)
    except (OSError, ValueError) as error:
        raise ValueFault(
            f"the file it names cannot be read: {getattr(error, 'strerror', None) or error}"
        ) from error
    return key.kind.from_text(_checked(content.decode("utf-8", "surrogateescape").rstrip("\r\n")))


def _checked(text: str) -> str:
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueFault("its value is not UTF-8")
    return text


def _hint(variable: str, tree: Tree) -> str:
    words = [_folded(word) for word in variable.removeprefix(PREFIX).split("__")]
    for word in (words[0], words[-1]):
        if not_yet(word):
            return not_yet(word)
    name = words[1] if len(words) > 2 else "name"  # noqa: PLR2004  (section, name, key)
    names = [name, *(_folded(each) for family in schema.FAMILIES for each in tree.names(family))]
    known = [_variable(key.path.replace("*", each)) for key in schema.ALL for each in dict.fromkeys(names)]
    near = nearest(variable.upper(), dict.fromkeys(known))
    return f"did you mean {near}?" if near else ""


def _variable(path: str) -> str:
    return PREFIX + path.replace(".", "__").replace("-", "_").upper()
