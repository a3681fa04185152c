"""Taking the values out of one table: checked, with their origin, and a fault for each that is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, TypeVar

from postroom.config.masked import Secret
from postroom.config.notes import Notes, Where
from postroom.config.schema import OWN, Key
from postroom.config.secrets import SecretSpec, resolve
from postroom.config.toml import bare, spelled
from postroom.config.tree import Cell, Part, Tree
from postroom.config.values import ValueFault
from postroom.errors import SecretFault

T = TypeVar("T")
Secrets: TypeAlias = bool | Literal["own"]


@dataclass(frozen=True, slots=True)
class Context:
    """Where loading happens: `secrets` is True where the secrets are to be fetched too.

    "own" is for those of the database and the archive alone.
    """

    environ: Mapping[str, str]
    cwd: Path
    home: Path
    state_dir_default: Path
    secrets: Secrets


class Table:
    """One table of the merged tree; `path` is its dotted name, and `name` the user's own part of it."""

    def __init__(self, tree: Tree, section: str, name: str, *, context: Context, notes: Notes) -> None:
        part = tree.parts.get((section, name)) or Part(Where("default", 0, context.cwd))
        self.name = name
        self.path = ".".join(filter(None, (section, bare(name) if name else "")))
        self.where = part.where
        self._cells = part.cells
        self._context = context
        self._notes = notes
        self._unsound: set[str] = set()

    def has(self, key: Key[Any]) -> bool:
        """Return whether somebody set this key."""
        return key.leaf in self._cells

    @property
    def sound(self) -> bool:
        """Return whether every value taken so far was free of faults."""
        return not self._unsound

    def is_sound(self, *keys: Key[Any]) -> bool:
        """Return whether none of these keys had a fault."""
        return self._unsound.isdisjoint(key.leaf for key in keys)

    def fault(self, key: Key[Any], message: str, hint: str = "") -> None:
        """Note a fault of `key` at the line that set it, or at the table's."""
        self._unsound.add(key.leaf)
        self._notes.fault(self._place(key), self._dotted(key), message, hint)

    def warn(self, key: Key[Any], message: str) -> None:
        """Note a warning about `key`."""
        self._notes.warnings.append(f"{self._place(key)}: {self._dotted(key)}: {message}")

    def show(self, key: Key[Any], shown: str) -> None:
        """Replace what is shown as the effective value of `key`."""
        cell = self._cells.get(key.leaf)
        self._notes.value(self._dotted(key), shown, str(cell.where) if cell else "default")

    def take(self, key: Key[T], default: object = None) -> T:
        """Return the value of `key`; `default` replaces the schema's.  A fault is noted, not raised."""
        cell = self._cells.get(key.leaf)
        raw = cell.raw if cell else key.default if default is None else default
        if cell is None and key.required and default is None:
            self.fault(key, "is missing", f'add {key.leaf} = "...": {key.meaning}')
        try:
            value = key.kind.parse(raw)
        except ValueFault as fault:
            self._value_fault(key, fault)
            return key.kind.parse(key.default)
        if raw is not None:
            self.show(key, value.masked if isinstance(value, SecretSpec) else spelled(raw))
        return value

    def take_path(self, key: Key[Path | None], default: object = None) -> Path | None:
        """Return an absolute path: "~/" is the home, a relative one starts where the key was set."""
        value = self.take(key, default)
        if value is None:
            return None
        if value.parts[:1] == ("~",):
            value = self._context.home.joinpath(*value.parts[1:])
        path = self._place(key).folder / value
        self.show(key, spelled(str(path)))
        return path

    def take_file(self, key: Key[Path | None]) -> Path | None:
        """Return an absolute path; where secrets are asked for, the file there must be readable too."""
        path = self.take_path(key)
        if path is not None and self._context.secrets is True:
            try:
                path.open("rb").close()
            except OSError as error:
                self.fault(key, f"cannot be read: {error.strerror}")
        return path

    def take_secret(self, key: Key[SecretSpec | None]) -> Secret | None:
        """Return the secret, or None where there is none, or where secrets are not asked for."""
        spec = self.take(key)
        if spec is None:
            return None
        where = self._place(key)
        if spec.way == "literal" and where.exposed:
            self.warn(
                key, f"stands in a file that everybody on this machine can read: chmod o= {where.label}"
            )
        wanted = self._context.secrets
        if not wanted or (wanted == "own" and key.section not in OWN):
            return None
        try:
            return resolve(spec, where.folder, self._context.environ)
        except SecretFault as fault:
            self.fault(key, str(fault), fault.fix)
            return None

    def folder(self, key: Key[Any]) -> Path:
        """Return the folder where relative paths of `key` start."""
        return self._place(key).folder

    def _value_fault(self, key: Key[Any], fault: ValueFault) -> None:
        cell = self._cells.get(key.leaf)
        where, dotted = self._place(key), self._dotted(key)
        if fault.key:
            line = cell.inner.get(fault.key, where.line) if cell else where.line
            where, dotted = Where(where.label, line, where.folder), f"{dotted}.{bare(fault.key)}"
        self._unsound.add(key.leaf)
        self._notes.fault(where, dotted, fault.message, fault.hint)

    def _place(self, key: Key[Any]) -> Where:
        cell: Cell | None = self._cells.get(key.leaf)
        return cell.where if cell else self.where

    def _dotted(self, key: Key[Any]) -> str:
        return f"{self.path}.{key.leaf}" if self.path else key.leaf
