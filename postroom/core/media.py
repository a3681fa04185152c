"""Media types: what they are without their parameters, and whether one denies another."""

from __future__ import annotations

# Types that say nothing of the content, so that none can be wrong.
_ANYTHING = frozenset(
    {
        "application/octet-stream",
        "application/octetstream",
        "application/binary",
        "application/x-binary",
        "binary/octet-stream",
        "application/download",
        "application/x-download",
        "application/force-download",
        "application/unknown",
        "application/x-unknown",
        "application/x-msdownload",
        "application/save",
    }
)
_SAME = {
    "application/x-pdf": "application/pdf",
    "application/acrobat": "application/pdf",
    "text/pdf": "application/pdf",
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-png": "image/png",
    "image/tif": "image/tiff",
    "image/x-ms-bmp": "image/bmp",
    "application/x-zip-compressed": "application/zip",
    "application/x-zip": "application/zip",
    "application/x-gzip": "application/gzip",
    "application/x-rar-compressed": "application/vnd.rar",
    "application/x-pkcs7-mime": "application/pkcs7-mime",
    "application/pkcs7-signature": "application/pkcs7-mime",  # a CMS object too
    "application/x-pkcs7-signature": "application/pkcs7-mime",
    "application/vnd.ms-tnef": "application/ms-tnef",
    "text/xml": "application/xml",
    "text/rtf": "application/rtf",
    "text/x-vcard": "text/vcard",
    "application/csv": "text/csv",
    "text/comma-separated-values": "text/csv",
    "text/x-csv": "text/csv",
    "text/tsv": "text/tab-separated-values",
    "application/x-excel": "application/vnd.ms-excel",
    "application/excel": "application/vnd.ms-excel",
    "application/x-msexcel": "application/vnd.ms-excel",
    "application/vnd.msword": "application/msword",
    "application/edi-consent": "application/edi-x12",
}
# What these bytes are is a container of many formats: only a type that is surely none of them is denied.
_OPEN_FORMATS = frozenset(
    {"application/zip", "application/x-ole-storage", "application/xml", "application/gzip"}
)
_PLAIN_ENOUGH = ("text/", "message/", "multipart/")


def essence(media_type: str) -> str:
    """Return a media type in lower case without its parameters."""
    return media_type.partition(";")[0].strip().lower()


def denies(declared: str, sniffed: str) -> bool:
    """Return whether the bytes are surely something else than their sender called them.

    "application/octet-stream" promises nothing, and bytes that are not known prove nothing.  A text may be of
    any kind of text, and a zip, OLE or XML file of many an application's own formats.
    """
    said, found = _canonical(declared), _canonical(sniffed)
    if said in _ANYTHING or found in _ANYTHING or said == found:
        return False
    if found == "text/plain" or (found in {"text/csv", "text/tab-separated-values"} and said == "text/plain"):
        return not (said.startswith(_PLAIN_ENOUGH) or _is_textual(said))
    if found in _OPEN_FORMATS:
        return not (said.startswith("application/") or said.endswith("+xml")) or said == "application/pdf"
    return not said.startswith(("message/", "multipart/"))


def _canonical(media_type: str) -> str:
    bare = essence(media_type)
    return _SAME.get(bare, bare)


def _is_textual(media_type: str) -> bool:
    """Return whether files of this application type are text, of which most have no mark of their own."""
    return media_type.startswith("application/") and not media_type.startswith(
        (
            "application/pdf",
            "application/zip",
            "application/gzip",
            "application/vnd.ms-",
            "application/vnd.open",
        )
    )
