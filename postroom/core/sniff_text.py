"""What a text is: an XML and which, a table, an EDI interchange, or just text."""

from __future__ import annotations

import re

_TEXTS = (
    (re.compile(rb"<(?:!doctype[ \t]+html|html\b)", re.IGNORECASE), "text/html"),
    (re.compile(rb"UNA.{6}\s*UN[BG]|UN[BG][+\x1d]", re.DOTALL), "application/edifact"),  # ISO 9735 7.1, 8
    (re.compile(rb"ISA(.)..\1.{10}\1", re.DOTALL), "application/edi-x12"),
    (re.compile(rb"BEGIN:VCALENDAR\b", re.IGNORECASE), "text/calendar"),
    (re.compile(rb"BEGIN:VCARD\b", re.IGNORECASE), "text/vcard"),
)
_BOMS = ((b"\xef\xbb\xbf", ""), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_NO_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_QUOTED = re.compile(rb'"[^"]*+"')
_DECLARATION = re.compile(rb"<\?xml\b", re.IGNORECASE)
_MISC = re.compile(rb"\s++|<\?[^>]*+>|<!--(?>(?:[^-]++|-(?!->))*)-->|<!DOCTYPE[^>\[]*+>", re.IGNORECASE)
_ROOT = re.compile(rb"<(?:([A-Za-z_][\w.-]{0,60}):)?([A-Za-z_][\w.-]{0,60})((?:\s[^>]{0,4000})?)/?>")
_NAMESPACE = re.compile(rb"""\sxmlns(?::([\w.-]{1,60}))?\s*=\s*["']([^"'<]{1,200})["']""")
_UBL = b"urn:oasis:names:specification:ubl:schema:xsd:"
_CII = b"urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:"
_ZUGFERD = b"urn:ferd:CrossIndustryDocument:invoice:"
_ROOTS = {
    b"http://www.w3.org/2000/svg": "image/svg+xml",
    b"http://www.w3.org/1999/xhtml": "application/xhtml+xml",
}
_MANY_ROWS = 4
_TABLES = ((b";", "text/csv"), (b"\t", "text/tab-separated-values"), (b",", "text/csv"), (b"|", "text/csv"))


def text_type(head: bytes, *, cut: bool) -> str:
    """Return the type of the text that begins so, "" where that is no text; `cut` where more follows."""
    for bom, charset in _BOMS:
        if head.startswith(bom):
            rest = head[len(bom) :]
            head = rest.decode(charset, "replace").encode("utf-8", "replace") if charset else rest
            break
    if not head or _NO_TEXT.search(head):
        return ""
    start = head.lstrip()
    for pattern, found in _TEXTS:
        if pattern.match(start):
            return found
    return _xml(start) or _table(head, cut=cut) or "text/plain"


def _xml(start: bytes) -> str:
    declared = bool(_DECLARATION.match(start))
    at = 0
    while misc := _MISC.match(start, at):
        at = misc.end()
    root = _ROOT.match(start, at)
    namespaces = dict(_NAMESPACE.findall(root[3])) if root else {}
    if root is None or not (declared or namespaces):
        return "application/xml" if declared else ""
    namespace = namespaces.get(root[1] or b"", b"")
    if namespace in _ROOTS:
        return _ROOTS[namespace]
    profile = _profile(namespace, root[2])
    return f"application/xml; profile={profile}" if profile else "application/xml"


def _profile(namespace: bytes, root: bytes) -> str:
    """Return what kind of business document has this root element, "" where it is none that is known."""
    if namespace.startswith(_UBL):
        return f"ubl-{root.decode('ascii', 'replace').lower()}"
    if namespace.startswith(_CII):
        return "cii-invoice"
    return "zugferd" if namespace.startswith(_ZUGFERD) else ""


def _table(head: bytes, *, cut: bool) -> str:
    """Return the type of a text whose lines have one number of columns, else "".

    Three columns or more, or two in at least four rows.  The last line of a `cut` text does not count.
    """
    lines = [line for line in _QUOTED.sub(b"", head).splitlines() if line.strip()]
    if cut:
        lines = lines[:-1]
    if len(lines) < 2:  # noqa: PLR2004 - a head and a row
        return ""
    for separator, kind in _TABLES:
        width = lines[0].count(separator) + 1
        is_wide = width > 2 or (width == 2 and len(lines) >= _MANY_ROWS)  # noqa: PLR2004 - a pair of columns
        if is_wide and all(line.count(separator) + 1 == width for line in lines):
            return kind
    return ""
