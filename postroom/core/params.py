"""The value and the parameters of Content-Type and Content-Disposition, as senders really write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from postroom.core.limits import DEFAULT_LIMITS, Limits
from postroom.core.words import decode_text, decode_words

_COMMENT = re.compile(rb"\([^()\"]*\)")
_FIRST_WORD = re.compile(rb"\s*([^=;\s\"]+)\s+(?=[^=;\s\"]+\s*=)")
_BETWEEN = re.compile(rb"[\s;]*")
_NAME = re.compile(rb"([^=;\s\"]{1,200})\s*=\s*")
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"(?=[\s;]|\Z|[^;=\s"]*=)', re.DOTALL)
_PLAIN = re.compile(rb"[^;]*")
_ESCAPE = re.compile(rb'\\(["\\])')
_PERCENT = re.compile(rb"%([0-9A-Fa-f]{2})")
# RFC 2231 3 and 4: name, "*" and the number of a piece, "*" where the piece is percent-encoded.
_PIECE = re.compile(rb"([^*]+)(?:\*([0-9]{1,5}))?(\*)?")
# A value and parameters in ASCII without comment, escape, percent sign or encoded word, folded or not.
_GAP = rb"(?:\r?\n)?[ \t]*+"
_TEXT = rb"[ !#-&+-\[\]-~]"
_SIMPLE = re.compile(
    rb"[ \t]*+([A-Za-z0-9/+.-]++)"
    rb"((?>(?:;" + _GAP + rb"[A-Za-z0-9-]++=(?:\"" + _TEXT + rb"*+\"|[!#-&+-:<>-\[\]-~]++))*))[ \t]*+"
)
_SIMPLE_PARAMETER = re.compile(
    rb";" + _GAP + rb"([A-Za-z0-9-]++)=(?:\"(" + _TEXT + rb"*+)\"|([!#-&+-:<>-\[\]-~]++))"
)
_LONGEST_SIMPLE = 1_000  # bytes
_PLAIN_NUMBER = -1  # the number of a parameter that is not in pieces


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: `value` for people, `raw` the bytes it was decoded from (a boundary is compared raw)."""

    value: str
    raw: bytes


@dataclass(frozen=True, slots=True)
class FieldValue:
    """What stands before the first ";", lower case, and the parameters under their lower-case names."""

    value: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    defects: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()

    def text(self, name: str) -> str:
        """Return the parameter's value, "" where there is none."""
        found = self.parameters.get(name)
        return found.value if found else ""


@dataclass(frozen=True, slots=True)
class _Written:
    number: int
    encoded: bool
    value: bytes


def read_parameters(body: bytes, limits: Limits = DEFAULT_LIMITS) -> FieldValue:
    """Return the value and the parameters of a Content-* field body (RFC 2045 5.1, RFC 2231).

    Only the first `limits.parsed_field_bytes` are looked at, and the limit is named.  Of several parameters
    of one name the first counts; one by RFC 2231 goes before one in pieces, that before a plain one.  Never
    raises; linear.
    """
    if simple := _read_simple(body):
        return simple
    line = re.sub(rb"[\r\n]+", b"", body[: limits.parsed_field_bytes])
    head = _PLAIN.match(line)
    value = head.group() if head else b""
    at = len(value)
    if b"=" in value:  # the ";" was left out, or the value itself
        first = _FIRST_WORD.match(value)
        value, at = (first.group(1), first.end()) if first else (b"", 0)
    written, defects = _scan(line, at)
    parameters = {name: _assemble(pieces, defects) for name, pieces in written.items()}
    over = len(body) > limits.parsed_field_bytes
    word = decode_text(_COMMENT.sub(b"", value)).strip().strip('"').strip().lower()
    return FieldValue(word, parameters, tuple(defects), ("parsed_field_bytes",) if over else ())


def _read_simple(body: bytes) -> FieldValue | None:
    """Return what a field says that needs no care, as nearly all do; None for any other."""
    if len(body) > _LONGEST_SIMPLE or b"=?" in body:
        return None
    whole = _SIMPLE.fullmatch(body)
    if whole is None:
        return None
    parameters = {
        name.decode("ascii").lower(): _simple(quoted or plain)
        for name, quoted, plain in _SIMPLE_PARAMETER.findall(whole.group(2))
    }
    if len(parameters) != whole.group(2).count(b";"):
        return None  # one of them comes twice, or there is a ";" in quotes
    return FieldValue(whole.group(1).decode("ascii").lower(), parameters)


def _simple(value: bytes) -> Parameter:
    return Parameter(value.decode("ascii"), value)


def _scan(line: bytes, at: int) -> tuple[dict[str, list[_Written]], dict[str, None]]:
    """Return every parameter as written, under its name without the marks of RFC 2231."""
    written: dict[str, list[_Written]] = {}
    defects: dict[str, None] = {}
    while (at := _after(_BETWEEN, line, at)) < len(line):
        name = _NAME.match(line, at)
        if name is None:
            at = _after(_PLAIN, line, at)
            continue
        value, at = _value(line, name.end(), defects)
        piece = _PIECE.fullmatch(name.group(1))
        if piece is None:
            defects["damaged parameter"] = None
            continue
        number = _PLAIN_NUMBER if piece.group(2) is None else int(piece.group(2))
        key = decode_text(piece.group(1)).lower()
        written.setdefault(key, []).append(_Written(number, piece.group(3) is not None, value))
    return written, defects


def _after(pattern: re.Pattern[bytes], line: bytes, at: int) -> int:
    found = pattern.match(line, at)
    return found.end() if found else at


def _value(line: bytes, at: int, defects: dict[str, None]) -> tuple[bytes, int]:
    quoted = _QUOTED.match(line, at)
    if quoted:
        # Only quote and backslash are unescaped: "C:\new.pdf" is met more often than a quoted "n".
        return _ESCAPE.sub(rb"\1", quoted.group(1)), quoted.end()
    plain = _PLAIN.match(line, at)
    value = plain.group() if plain else b""
    if value.startswith(b'"'):
        defects["quotes not closed"] = None
    return value.strip(b' \t"'), at + len(value)


def _assemble(pieces: list[_Written], defects: dict[str, None]) -> Parameter:
    whole = [piece for piece in pieces if piece.number == _PLAIN_NUMBER]
    extended = [piece for piece in whole if piece.encoded]
    numbered: dict[int, _Written] = {}
    for piece in pieces:
        if piece.number != _PLAIN_NUMBER:
            numbered.setdefault(piece.number, piece)
    if len(whole) > 1 + len(extended) or len(pieces) - len(whole) > len(numbered) or len(extended) > 1:
        defects["duplicate parameter"] = None
    if numbered and sorted(numbered) != list(range(len(numbered))):
        defects["parameter with missing pieces"] = None
    chosen = extended[:1] or [numbered[number] for number in sorted(numbered)] or whole[:1]
    return _join(chosen)


def _join(pieces: list[_Written]) -> Parameter:
    values = [piece.value for piece in pieces]
    charset = b""
    if pieces[0].encoded and values[0].count(b"'") >= 2:  # noqa: PLR2004 - charset'language'text
        charset, _, values[0] = values[0].split(b"'", 2)
    raw = b"".join(
        _PERCENT.sub(_byte, value) if piece.encoded else value
        for piece, value in zip(pieces, values, strict=True)
    )
    encoded = any(piece.encoded for piece in pieces)
    return Parameter(decode_text(raw, decode_text(charset)) if encoded else decode_words(raw), raw)


def _byte(escape: re.Match[bytes]) -> bytes:
    return bytes((int(escape.group(1), 16),))
