"""A name for a document that is fit to be shown and saved; the sender's own name is kept beside it."""

from __future__ import annotations

import re
import unicodedata

MAX_BYTES = 255  # what file systems take, in UTF-8
_MAX_EXTENSION_BYTES = 20
_UNNAMED = "unnamed"

_RESERVED_CHARACTERS = re.compile(r'[<>:"|?*]')
_RESERVED_NAMES = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE | re.DOTALL)
_DRIVE = re.compile(r"[A-Za-z]:")
_PARTS = re.compile(r"[/\\]+")
_BLANKS = re.compile(r"\s+")
# Control, format (bidi, zero width), surrogate and line separators: none of them can be seen.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})

_EXTENSIONS = {
    "application/pdf": ".pdf",
    "application/zip": ".zip",
    "application/gzip": ".gz",
    "application/json": ".json",
    "application/xml": ".xml",
    "application/edifact": ".edi",
    "application/rtf": ".rtf",
    "application/msword": ".doc",
    "application/ms-tnef": ".dat",
    "application/pkcs7-mime": ".p7m",
    "application/x-pkcs7-mime": ".p7m",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.ms-outlook": ".msg",
    "application/vnd.ms-powerpoint": ".ppt",
    "application/vnd.oasis.opendocument.spreadsheet": ".ods",
    "application/vnd.oasis.opendocument.text": ".odt",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "image/bmp": ".bmp",
    "image/gif": ".gif",
    "image/heic": ".heic",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/tiff": ".tif",
    "image/webp": ".webp",
    "message/rfc822": ".eml",
    "message/global": ".eml",
    "text/calendar": ".ics",
    "text/csv": ".csv",
    "text/html": ".html",
    "text/plain": ".txt",
    "text/rtf": ".rtf",
    "text/vcard": ".vcf",
    "text/x-vcard": ".vcf",
    "text/xml": ".xml",
}


def display_name(original: str) -> str:
    """Return the last path part of `original` without what cannot be seen or saved; "unnamed" for nothing.

    At most MAX_BYTES bytes of UTF-8, the extension kept; no leading or trailing dots and blanks; no name that
    Windows keeps for a device.  Applied again it changes nothing.
    """
    return _shown(original) or _UNNAMED


def for_part(original: str, content_type: str, path: str) -> str:
    """Return the display name of a part; one without a name is called after its path and type.

    A part without a name at path "2.1" of type application/pdf is "unnamed-2.1.pdf".
    """
    return _shown(original) or f"{_UNNAMED}-{path}{_EXTENSIONS.get(content_type, '')}"


def _shown(original: str) -> str:
    visible = "".join(letter for letter in _BLANKS.sub(" ", original) if _seen(letter))
    folders = [part for part in _PARTS.split(unicodedata.normalize("NFC", visible)) if part.strip(" .")]
    name = folders[-1] if folders else ""
    name = _RESERVED_CHARACTERS.sub("_", _DRIVE.sub("", name, count=1) if _DRIVE.match(name) else name)
    name = _BLANKS.sub(" ", name).strip(" .")
    if _RESERVED_NAMES.fullmatch(name):
        name = "_" + name
    return _capped(name)


def _seen(letter: str) -> bool:
    return (letter.isascii() and letter.isprintable()) or unicodedata.category(letter) not in _UNSEEN


def _capped(name: str) -> str:
    if len(name.encode()) <= MAX_BYTES:
        return name
    stem, dot, extension = name.rpartition(".")
    ending = (dot + extension).encode()
    if not stem or len(ending) > _MAX_EXTENSION_BYTES:
        stem, ending = name, b""
    kept = stem.encode()[: MAX_BYTES - len(ending)].decode(errors="ignore").rstrip(" .")
    return kept + ending.decode()
