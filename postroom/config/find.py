"""Finding and reading the files: one postroom.toml and the conf.d beside it."""

from __future__ import annotations

import os
import pwd
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from postroom.config.lines import Lines
from postroom.config.notes import Notes, Where
from postroom.config.toml import BadToml, parse

ETC = Path("/etc/postroom/postroom.toml")
_MOST_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class TomlFile:
    """One file that was read: its tables, and where each key stands."""

    path: Path
    tables: dict[str, object]
    lines: Lines
    top: Where

    def where(self, path: tuple[str, ...]) -> Where:
        """Return the place of a table or key of this file."""
        return Where(self.top.label, self.lines.of(path), self.top.folder, self.top.exposed)


def read_all(
    explicit: Path | None, *, environ: Mapping[str, str], cwd: Path, home: Path, notes: Notes
) -> list[TomlFile]:
    """Return the file that counts and what its conf.d adds, in the order they are merged; maybe none."""
    main = _wanted(explicit, environ, cwd) or _first_of(
        (cwd / "postroom.toml", home / ".config" / "postroom" / "postroom.toml", ETC), cwd, notes
    )
    if main is None:
        return []
    paths = [main, *_additions(main.parent / "conf.d", cwd, notes)]
    return [file for path in paths if (file := read(path, cwd, notes))]


def _wanted(explicit: Path | None, environ: Mapping[str, str], cwd: Path) -> Path | None:
    named = explicit or environ.get("POSTROOM_CONFIG")
    return cwd / named if named else None


def _first_of(candidates: tuple[Path, ...], cwd: Path, notes: Notes) -> Path | None:
    for path in candidates:
        try:
            path.stat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            words, hint = _unreadable(error)
            notes.fault(_top(path, cwd), "", words, hint or "or name another file with -c")
            return None
        return path
    return None


def _additions(folder: Path, cwd: Path, notes: Notes) -> list[Path]:
    try:
        names = sorted(
            path.name for path in folder.iterdir() if path.suffix == ".toml" and path.name[0] != "."
        )
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        notes.fault(_top(folder, cwd), "", f"cannot be read: {error.strerror}")
        return []
    return [folder / name for name in names]


def read(path: Path, cwd: Path, notes: Notes) -> TomlFile | None:
    """Return one file, or None after noting why it cannot be read."""
    top = _top(path, cwd)
    try:
        with path.open("rb") as file:
            exposed = bool(os.fstat(file.fileno()).st_mode & stat.S_IROTH)
            content = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        notes.fault(top, "", "there is no such file", "postroom init writes one")
    except (OSError, ValueError) as error:
        notes.fault(top, "", *_unreadable(error))
    else:
        return _parsed(content, path, Where(top.label, 0, top.folder, exposed), notes)
    return None


def _unreadable(error: OSError | ValueError) -> tuple[str, str]:
    """Return why a file cannot be read, and as whom it was tried, and the way out."""
    words = f"cannot be read: {getattr(error, 'strerror', None) or error}"
    if not isinstance(error, PermissionError):
        return words, ""
    try:
        user = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        user = str(os.geteuid())
    return f"{words} (as user {user})", "chgrp it to that user's group, and chmod 0640"


def _parsed(content: bytes, path: Path, top: Where, notes: Notes) -> TomlFile | None:
    if len(content) > _MOST_BYTES:
        notes.fault(top, "", "is over 1 MiB and so no configuration")
        return None
    try:
        text = content.decode("utf-8-sig")
        return TomlFile(path, parse(text), Lines(text), top)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        notes.fault(Where(top.label, line, top.folder), "", "is not UTF-8", "save it as UTF-8")
    except BadToml as error:
        notes.fault(Where(top.label, error.line, top.folder), "", f"no TOML: {error.message}", _remedy(error))
    return None


def _remedy(error: BadToml) -> str:
    known = {"Invalid value": "text stands in quotes", "Cannot overwrite a value": "the key is there twice"}
    return known.get(error.message, "")


def _top(path: Path, cwd: Path) -> Where:
    """Return the file as a place, named as a person in `cwd` would."""
    label = path.relative_to(cwd) if path.is_relative_to(cwd) else path
    return Where(str(label), 0, path.parent)
