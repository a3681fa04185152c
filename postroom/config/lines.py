"""Where in a TOML text each table and key stands: tomllib does not say."""

from __future__ import annotations

import re

from postroom.config.toml import BadToml, parse

_PART = r""""(?:\\.|[^"\\\n])*"|'[^'\n]*'|[A-Za-z0-9_-]+"""
_KEY = rf"[ \t]*(?:{_PART})(?:[ \t]*\.[ \t]*(?:{_PART}))*[ \t]*"
_PARTS = re.compile(_PART)
_STATEMENT = re.compile(rf"\[\[?(?P<table>{_KEY})\]\]?|(?P<key>{_KEY})=")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_TOKEN = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|'[^'\n]*'"
    r"|#[^\n]*"
    r"|[\[\]{}\n]"
    r"""|[^"'#\[\]{}\n]+|.""",
    re.DOTALL,
)

Dotted = tuple[str, ...]


class Lines:
    """The line of every table and key of one TOML text, counted from 1; inside an inline table none is known.

    The text must be TOML; of any other it knows some lines or none.
    """

    def __init__(self, text: str) -> None:
        self._found: dict[Dotted, int] = {}
        table: Dotted = ()
        position, line = 0, 1
        while statement := _STATEMENT.match(text, start := _blank_end(text, position)):
            line += text.count("\n", position, start)
            if statement["table"] is not None:
                table, position = parts(statement["table"]), statement.end()
                self._note((), table, line)
            else:
                self._note(table, parts(statement["key"]), line)
                position = _value_end(text, statement.end())
                line += text.count("\n", start, position)

    def of(self, path: Dotted) -> int:
        """Return the line of `path`, or of the innermost table or key around it; 1 where nothing is."""
        while path and path not in self._found:
            path = path[:-1]
        return self._found.get(path, 1)

    def _note(self, table: Dotted, path: Dotted, line: int) -> None:
        """Remember a key and the tables that it opens on its way; the first line of each counts."""
        for length in range(1, len(path) + 1):
            self._found.setdefault(table + path[:length], line)


def parts(key: str) -> Dotted:
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


def _blank_end(text: str, position: int) -> int:
    found = _BLANK.match(text, position)
    return found.end() if found else position


def _value_end(text: str, position: int) -> int:
    """Return where the value that starts at `position` ends: a line end outside every bracket and string."""
    depth = 0
    for token in _TOKEN.finditer(text, position):
        mark = token[0]
        if mark in ("[", "{"):
            depth += 1
        elif mark in ("]", "}"):
            depth -= 1
        elif mark == "\n" and depth <= 0:
            return token.start()
    return len(text)
