"""TOML in and out: reading one value or one file, and writing a value as a person would."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping

_LONGEST = 60
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_SPECIAL = re.compile(r'["\\\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]')
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_PLACE = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")


class BadToml(ValueError):
    """The text is no TOML; `line` is where reading it stopped, counted from 1."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.message = message
        self.line = line


def parse(text: str) -> dict[str, object]:
    """Return the tables of `text`.  Raises BadToml, and nothing else, whatever the text holds."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        words = str(error)
        found = _PLACE.search(words)
        line = int(found[1]) if found and found[1] else text.rstrip().count("\n") + 1
        raise BadToml(_PLACE.sub("", words), line) from error
    except ValueError as error:  # a number with more digits than Python reads
        raise BadToml("a number is too long", 1) from error
    except RecursionError as error:
        raise BadToml("lists or tables are nested too deeply", 1) from error


def parse_value(text: str) -> object:
    """Return the value that `text` is in TOML, or `text` itself where it is none."""
    try:
        tables = parse(f"value = {text}")
    except BadToml:
        return text
    return tables["value"] if len(tables) == 1 else text


def written(value: object) -> str:
    """Return `value` as TOML for people, long text cut; never raises for what TOML can hold."""
    return _toml(value, _LONGEST)


def spelled(value: object) -> str:
    """Return `value` as TOML, whole: reading it gives `value` again, if it is one that our keys take."""
    return _toml(value, None)


def _toml(value: object, longest: int | None) -> str:
    if isinstance(value, str):
        return quoted(value if longest is None or len(value) <= longest else value[:longest] + "...")
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value) if abs(value) < 10**18 else "a very long number"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_toml(each, longest) for each in value) + "]"
    if isinstance(value, Mapping):
        pairs = (f"{bare(key)} = {_toml(each, longest)}" for key, each in value.items())
        return "{ " + ", ".join(pairs) + " }"
    return str(value)


def quoted(text: str) -> str:
    """Return `text` as a TOML string on one line, what a terminal would act on escaped."""
    return '"' + _SPECIAL.sub(_escape, text) + '"'


def bare(key: str) -> str:
    """Return `key` as TOML writes it, bare where it may be, a very long one cut."""
    return key if _BARE.fullmatch(key) and len(key) <= _LONGEST else written(key)


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    return _ESCAPES.get(character, f"\\u{ord(character):04x}")
