"""What content is by its own bytes, whatever its sender called it."""

from __future__ import annotations

from postroom.core.content import Content
from postroom.core.sniff_ole import ole_type
from postroom.core.sniff_text import text_type
from postroom.core.sniff_zip import END_OF_DIRECTORY, LOCAL, zip_type

UNKNOWN = "application/octet-stream"
WINDOW = 64 * 1024  # bytes at the start, and at the end, that are looked at
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"II*\x00", "image/tiff"),
    (b"MM\x00*", "image/tiff"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "image/jp2"),
    (b"\x1f\x8b\x08", "application/gzip"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"x\x9f>\x22", "application/ms-tnef"),
    (b"{\\rtf", "application/rtf"),
    (b"%!PS", "application/postscript"),
    (b"-----BEGIN PGP MESSAGE-----", "application/pgp-encrypted"),
    (b"-----BEGIN PGP SIGNATURE-----", "application/pgp-signature"),
)
_BRANDS = {b"heic": "image/heic", b"heix": "image/heic", b"mif1": "image/heif", b"avif": "image/avif"}
_CMS = "application/pkcs7-mime"
# RFC 5652 3 and 4, RFC 3274 1.1, RFC 5083 2.1; the words are those of RFC 8551 3.2.2
_CMS_CONTENT = (
    (bytes.fromhex("06092a864886f70d010702"), "signed-data"),
    (bytes.fromhex("06092a864886f70d010703"), "enveloped-data"),
    (bytes.fromhex("06092a864886f70d010706"), "encrypted-data"),
    (bytes.fromhex("060b2a864886f70d0109100109"), "compressed-data"),
    (bytes.fromhex("060b2a864886f70d0109100117"), "authenveloped-data"),
)
# The file name that the invoice in a hybrid PDF has (ZUGFeRD 1.0 to 2.3, Factur-X, XRechnung).
_HYBRIDS = (b"factur-x.xml", b"zugferd-invoice.xml", b"xrechnung.xml")


def sniff(content: Content) -> str:
    """Return a media type in lower case, application/octet-stream for what is not known.

    Where the bytes say more, it is a parameter: the smime-type of a CMS object (RFC 8551 3.2.2), the profile
    of an electronic invoice or order ("application/xml; profile=ubl-invoice").
    Looks at the first and last 64 KiB and at the directory of a zip or OLE file, at most 1,000 names of it;
    nothing is unpacked.  Never raises.
    """
    head = bytes(content[:WINDOW])
    for magic, found in _MAGIC:
        if head.startswith(magic):
            return found
    if head.startswith((LOCAL, END_OF_DIRECTORY)):
        return zip_type(content)
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return ole_type(head, content)
    # Behind the others: a zip may hold a PDF uncompressed.
    if b"%PDF-" in head[:1024]:  # ISO 32000-1 7.5.2, and what readers accept
        return _pdf(head, content)
    return _image(head) or _cms(head) or text_type(head, cut=len(content) > len(head)) or UNKNOWN


def _image(head: bytes) -> str:
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if head[4:8] == b"ftyp":  # ISO/IEC 14496-12 4.3
        return _BRANDS.get(head[8:12], "")
    if head[:2] == b"BM" and head[6:10] == b"\x00\x00\x00\x00" and len(head) > 26:  # noqa: PLR2004 - its header
        return "image/bmp"
    return ""


def _pdf(head: bytes, content: Content) -> str:
    ends = (head.lower(), bytes(content[max(0, len(content) - WINDOW) :]).lower())
    is_hybrid = any(name in end for end in ends for name in _HYBRIDS)
    return "application/pdf; profile=zugferd" if is_hybrid else "application/pdf"


def _cms(head: bytes) -> str:
    """Return the type of a CMS ContentInfo (RFC 5652 3): a sequence that begins with what it holds."""
    if head.startswith((b"-----BEGIN PKCS7-----", b"-----BEGIN CMS-----")):  # RFC 7468 8 and 9
        return _CMS
    if head[:1] != b"\x30" or len(head) < 2:  # noqa: PLR2004 - tag and length
        return ""
    long_form = head[1] & 0x7F if head[1] & 0x80 else 0
    for identifier, held in _CMS_CONTENT:
        if head.startswith(identifier, 2 + long_form):
            return f"{_CMS}; smime-type={held}"
    return ""
