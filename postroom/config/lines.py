"""Where in a TOML text each table and key stands: tomllib does not say."""

from __future__ import annotations

import re

from postroom.config.toml import BadToml, parse

_PART = r""""(?:\\.|[^"\\\n])*"|'[^'\n]*'|[A-Za-z0-9_-]+"""
_KEY = re.compile(rf"[ \t]*(?:{_PART})(?:[ \t]*\.[ \t]*(?:{_PART}))*[ \t]*")
_PARTS = re.compile(_PART)
_HEADER = re.compile(rf"\[\[?({_KEY.pattern})\]\]?")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)+")
_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*|[\[\]{}\n]|.",
    re.DOTALL,
)

Path = tuple[str, ...]


class Lines:
    """The line of every table and key of one TOML text, counted from 1."""

    def __init__(self, text: str) -> None:
        self._found: dict[Path, int] = {}
        self._text = text
        self._scan()

    def of(self, path: Path) -> int:
        """Return the line of `path`, or of the innermost table or key around it; 1 where nothing is."""
        while path and path not in self._found:
            path = path[:-1]
        return self._found.get(path, 1)

    def _scan(self) -> None:
        text, position, line = self._text, 0, 1
        table: Path = ()
        while position < len(text):
            if not (found := _BLANK.match(text, position)):
                if header := _HEADER.match(text, position):
                    found, table = header, parts(header[1])
                    self._note((), table, line)
                elif key := _KEY.match(text, position):
                    self._note(table, parts(key[0]), line)
                    found = None
                    line += text.count("\n", position, end := _value_end(text, key.end()))
                    position = end
                    continue
                else:
                    return  # no TOML: whoever parses the text says so
            line += found[0].count("\n")
            position = found.end()

    def _note(self, table: Path, path: Path, line: int) -> None:
        """Remember a key and the tables that it opens on its way; the first line of each counts."""
        for length in range(1, len(path) + 1):
            self._found.setdefault(table + path[:length], line)


def parts(key: str) -> Path:
    """Return the parts of a dotted key, quotes and escapes undone."""
    return tuple(_unquoted(part) for part in _PARTS.findall(key))


def _unquoted(part: str) -> str:
    if part[0] not in "\"'":
        return part
    if part[0] == "'" or "\\" not in part:
        return part[1:-1]
    try:
        return next(iter(parse(f"{part} = 0")))
    except BadToml:
        return part


def _value_end(text: str, position: int) -> int:
    """Return where the value that starts at `position` ends: a line end outside every bracket and string."""
    depth = 0
    for token in _TOKEN.finditer(text, position):
        mark = token[0]
        if mark in "[{":
            depth += 1
        elif mark in "]}":
            depth -= 1
        elif mark == "\n" and depth <= 0:
            return token.start()
    return len(text)
