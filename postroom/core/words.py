"""Header text: RFC 2047 encoded words and raw 8-bit bytes become clean Unicode, whatever the bytes."""

from __future__ import annotations

import binascii
import re
from encodings.aliases import aliases
from itertools import groupby

import pybase64

from postroom.core.headers import Field

# RFC 2047 2, widened: blanks inside the text are met in practice.  RFC 2231 5 adds the language after "*".
_WORD = re.compile(rb"=\?([!-)+->@-~]{1,60})(?:\*[A-Za-z0-9-]{0,20})?\?([bBqQ])\?([^?]*)\?=")
_BETWEEN = re.compile(rb"[ \t]*")
_FOLD = re.compile(rb"[\r\n]+")
_NO_LETTERS = re.compile("[^a-z0-9]+")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
# Line ends and tabs part words; other controls and the marks that turn the reading direction are dropped.
_BREAKS = re.compile("[\t\n\v\f\r\x85\u2028\u2029]+")
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")

# Python's own decoders that are no charset: they are slow on hostile input, or warn, or always fail.
_NO_CHARSET = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"}
_NO_TEXT = {"base64_codec", "bz2_codec", "hex_codec", "quopri_codec", "rot_13", "uu_codec", "zlib_codec"}
_NO_ALIAS = {"cp720", "cp737", "cp856", "cp874", "cp1006", "koi8_t", "koi8_u"}
_KNOWN = frozenset((set(aliases.values()) | _NO_ALIAS) - _NO_CHARSET - _NO_TEXT)
# What senders mean by a name, where it differs from what the name says (WHATWG Encoding 4.2).
_MEANT = {
    "ascii": "utf_8",
    "us_ascii": "utf_8",
    "latin_1": "cp1252",
    "latin1": "cp1252",
    "iso_8859_1": "cp1252",
    "iso8859_1": "cp1252",
    "iso_8859_8_i": "iso8859_8",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "ks_c_5601_1987": "cp949",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "x_sjis": "cp932",
    "windows_874": "cp874",
    "windows_31j": "cp932",
    "x_mac_roman": "mac_roman",
    "utf8mb4": "utf_8",
}


def decode_text(content: bytes, charset: str = "") -> str:
    """Return `content` as text without NUL and lone surrogates; never raises.

    A charset that is unknown, or that the bytes contradict, gives way to UTF-8, and that to cp1252 (as
    latin-1 where cp1252 has a hole).
    """
    codec = _codec(charset) if charset else ""
    for attempt in (codec, "utf_8", "cp1252") if codec else ("utf_8", "cp1252"):
        try:
            return _UNSTORABLE.sub("", content.decode(attempt))
        except (UnicodeError, LookupError):
            continue
    return _UNSTORABLE.sub("", content.decode("latin-1"))


def _codec(charset: str) -> str:
    # Only names of a closed list: Python remembers every name it was ever asked for, for ever.
    name = _NO_LETTERS.sub("_", charset.lower()).strip("_")
    name = _MEANT.get(name, name)
    name = aliases.get(name, name)
    return _MEANT.get(name, name) if name in _KNOWN else ""


def decode_words(body: bytes) -> str:
    """Return a field body as text: unfolded, encoded words decoded wherever they stand, also in quotes.

    Blanks between two words go away; bytes of a run of words in one charset are joined before they are
    decoded, for a character may be split between two of them (RFC 2047 5 forbids it, senders do it).
    """
    line = _FOLD.sub(b"", body)
    if b"=?" not in line:
        return decode_text(line)
    pieces: list[tuple[str | None, bytes]] = []  # (charset of a word, None for plain bytes; the bytes)
    position = 0
    for word in _WORD.finditer(line):
        between = line[position : word.start()]
        if between and not (pieces and pieces[-1][0] is not None and not between.strip(b" \t")):
            pieces.append((None, between))
        pieces.append((word.group(1).decode("ascii").lower(), _word_bytes(word.group(2), word.group(3))))
        position = word.end()
    pieces.append((None, line[position:]))
    return "".join(
        decode_text(b"".join(part for _, part in run), charset or "")
        for charset, run in groupby(pieces, key=lambda piece: piece[0])
    )


def _word_bytes(encoding: bytes, text: bytes) -> bytes:
    if encoding in b"qQ":
        return binascii.a2b_qp(text.replace(b"_", b" "), header=True)
    letters = re.sub(rb"[^A-Za-z0-9+/]", b"", text)
    whole = letters[: len(letters) - 1] if len(letters) % 4 == 1 else letters
    return pybase64.b64decode(whole + b"=" * (-len(whole) % 4))


def clean(text: str) -> str:
    """Return `text` on one line, without controls and direction marks, blanks around it cut."""
    if text.isascii() and text.isprintable():
        return text.strip()
    return _CONTROLS.sub("", _BREAKS.sub(" ", text)).strip()


def text(field: Field | None) -> str | None:
    """Return what a field says to a person, on one line, fit for a column or a log; None for no field."""
    return None if field is None else clean(decode_words(field.body))
