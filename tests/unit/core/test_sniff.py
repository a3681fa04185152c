"""What content is by its own bytes."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from postroom.core.sniff import sniff

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 500
OFFICE = "application/vnd.openxmlformats-officedocument."


def zipped(*names: str, first: str = "") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        if first:
            archive.writestr("mimetype", first)
        for name in names:
            archive.writestr(name, "x")
    return out.getvalue()


def ole(stream: str, *, sector: int) -> bytes:
    """Return an OLE file with one stream, whose directory lies in that sector and nothing near it."""
    header = OLE[:30] + (9).to_bytes(2, "little") + b"\x00" * 16 + sector.to_bytes(4, "little")
    far = header.ljust(512, b"\x00") + b"\x00" * (sector << 9)
    return far + stream.encode("utf-16-le") + b"\x00" * 100_000


def cms(last: str) -> bytes:
    """Return the start of a CMS object whose content type ends so."""
    return bytes.fromhex(f"30821234 06092a864886f70d0107{last} a082")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        pytest.param(b"%PDF-1.7\n", "application/pdf", id="pdf"),
        pytest.param(b"junk\r\n%PDF-1.7\n", "application/pdf", id="pdf behind junk"),
        pytest.param(b" " * 2000 + b"%PDF-1.7\n", "text/plain", id="pdf too far behind"),
        pytest.param(zipped("[Content_Types].xml", "xl/a.xml"), OFFICE + "spreadsheetml.sheet", id="xlsx"),
        pytest.param(
            zipped("word/a.xml", "[Content_Types].xml"), OFFICE + "wordprocessingml.document", id="docx"
        ),
        pytest.param(
            zipped("[Content_Types].xml", "ppt/a"), OFFICE + "presentationml.presentation", id="pptx"
        ),
        pytest.param(
            zipped("content.xml", first="application/vnd.oasis.opendocument.text"),
            "application/vnd.oasis.opendocument.text",
            id="odt",
        ),
        pytest.param(zipped("%PDF-1.7"), "application/zip", id="a pdf in a zip"),
        pytest.param(zipped("xl/a.xml"), "application/zip", id="a zip with a folder xl"),
        pytest.param(zipped(first="application/\x00"), "application/zip", id="a false media type"),
        pytest.param(zipped(), "application/zip", id="an empty zip"),
        pytest.param(b"PK\x03\x04", "application/zip", id="a zip cut short"),
        pytest.param(OLE + "Workbook".encode("utf-16-le"), "application/vnd.ms-excel", id="xls"),
        pytest.param(OLE + "WordDocument".encode("utf-16-le"), "application/msword", id="doc"),
        pytest.param(OLE, "application/x-ole-storage", id="ole"),
        pytest.param(b"\x89PNG\r\n\x1a\n\x00", "image/png", id="png"),
        pytest.param(b"\xff\xd8\xff\xe0", "image/jpeg", id="jpeg"),
        pytest.param(b"GIF89a", "image/gif", id="gif"),
        pytest.param(b"II*\x00", "image/tiff", id="tiff"),
        pytest.param(b"x\x9f\x3e\x22", "application/ms-tnef", id="winmail.dat"),
        pytest.param(b"\xef\xbb\xbf<?xml version='1.0'?><a/>", "application/xml", id="xml"),
        pytest.param("<?xml version='1.0'?><a/>".encode("utf-16"), "application/xml", id="xml in utf-16"),
        pytest.param(b"\r\n<!DOCTYPE html><p>", "text/html", id="html"),
        pytest.param(b"UNA:+.? 'UNB+UNOC:3+1'", "application/edifact", id="edifact"),
        pytest.param(b"UNB+UNOC:3+1'", "application/edifact", id="edifact without UNA"),
        pytest.param(b"a;b;c\r\n1;2;3\r\n", "text/csv", id="csv"),
        pytest.param(b'a,b,c\n"x, y",2,"3\n,"\n', "text/csv", id="csv with quotes"),
        pytest.param(b"a\tb\n1\t2\n3\t4\n5\t6\n", "text/tab-separated-values", id="two columns, four rows"),
        pytest.param(b"Dear Sir, I am\nyours, A\n", "text/plain", id="two lines with a comma"),
        pytest.param(b"hello\n", "text/plain", id="text"),
        pytest.param(b"BEGIN:VCALENDAR\r\n", "text/calendar", id="calendar"),
        pytest.param(
            zipped("[Content_Types].xml", "xl/a.xml", "xl/vbaProject.bin"),
            "application/vnd.ms-excel.sheet.macroenabled.12",
            id="xlsm",
        ),
        pytest.param(
            zipped("[Content_Types].xml", "word/a.xml", "word/vbaProject.bin"),
            "application/vnd.ms-word.document.macroenabled.12",
            id="docm",
        ),
        pytest.param(
            zipped("[Content_Types].xml", "xl/workbook.bin"),
            "application/vnd.ms-excel.sheet.binary.macroenabled.12",
            id="xlsb",
        ),
        pytest.param(ole("Workbook", sector=2000), "application/vnd.ms-excel", id="xls, directory far in"),
        pytest.param(ole("__substg1.0_0037001F", sector=3), "application/vnd.ms-outlook", id="msg"),
        pytest.param(
            b'<?xml version="1.0"?>\n<!-- x -->\n<Invoice xmlns="urn:oasis:names:specification:ubl:schema:'
            b'xsd:Invoice-2" xmlns:cbc="urn:x"><cbc:ID/></Invoice>',
            "application/xml; profile=ubl-invoice",
            id="UBL invoice",
        ),
        pytest.param(
            b'<ubl:Order xmlns:ubl="urn:oasis:names:specification:ubl:schema:xsd:Order-2">',
            "application/xml; profile=ubl-order",
            id="UBL order with a prefix and no declaration",
        ),
        pytest.param(
            b"<?xml version='1.0'?><rsm:CrossIndustryInvoice xmlns:rsm='urn:un:unece:uncefact:data:standard:"
            b"CrossIndustryInvoice:100'>",
            "application/xml; profile=cii-invoice",
            id="CII invoice",
        ),
        pytest.param(
            b"%PDF-1.7\n" + b" " * 200_000 + b"/F (factur-x.xml) %%EOF",
            "application/pdf; profile=zugferd",
            id="ZUGFeRD",
        ),
        pytest.param(
            b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "image/svg+xml", id="svg"
        ),
        pytest.param(b"<not xml\n", "text/plain", id="an angle bracket"),
        pytest.param(b"ISA*00*          *00*          *ZZ*A              *", "application/edi-x12", id="x12"),
        pytest.param(cms("02"), "application/pkcs7-mime; smime-type=signed-data", id="signed"),
        pytest.param(
            b"\x30\x80" + cms("03")[4:], "application/pkcs7-mime; smime-type=enveloped-data", id="enveloped"
        ),
        pytest.param(cms("01"), "application/octet-stream", id="an object that is no CMS"),
        pytest.param(b"-----BEGIN PGP MESSAGE-----\n", "application/pgp-encrypted", id="PGP"),
        pytest.param(b"\x00\x00\x00\x18ftypheic", "image/heic", id="heic"),
        pytest.param(b"\x00\x01\x02", "application/octet-stream", id="unknown"),
        pytest.param(b"", "application/octet-stream", id="nothing"),
    ],
)
def test_content_is_known_by_its_bytes(content: bytes, found: str) -> None:
    assert sniff(content) == found


class Far:
    """A terabyte of zeros behind a head, that counts what is read of it."""

    def __init__(self, head: bytes) -> None:
        self.head = head
        self.read = 0

    def __len__(self) -> int:
        return 1 << 40

    def __getitem__(self, piece: slice) -> bytes:
        start, stop, _ = piece.indices(len(self))
        self.read += stop - start
        return self.head[start:stop].ljust(stop - start, b"\x00")


@pytest.mark.parametrize(
    "head",
    [
        b"%PDF-1.7",
        b"PK\x03\x04",
        OLE,
        b"PK\x03\x04" + b"\x00" * 26 + b"mimetypeapplication/x",
        b"a;b",
    ],
    ids=["pdf", "zip", "ole", "odf", "text"],
)
def test_the_ends_of_a_content_are_all_that_is_read(head: bytes) -> None:
    content = Far(head)

    sniff(content)

    assert content.read <= 256 * 1024


@pytest.mark.parametrize(
    "piece", [b'"', b"a,b\n", b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b" ", b"<!--", b"<a ", b"<?", OLE]
)
def test_a_bomb_is_looked_at_once(piece: bytes) -> None:
    assert sniff(piece * 100_000)


@given(st.binary(), st.sampled_from([b"", b"PK\x03\x04", b"UNA", b"\xff\xfe", b"a;b\n", zipped("a", "b")]))
def test_no_bytes_whatever_break_the_sniffer(content: bytes, front: bytes) -> None:
    assert sniff(front + content).count("/") == 1


@given(st.integers(0, 400), st.binary(max_size=8))
def test_a_damaged_zip_is_still_a_zip(at: int, junk: bytes) -> None:
    whole = zipped("[Content_Types].xml", "xl/a.xml", "b")

    found = sniff(whole[: 4 + at] + junk + whole[4 + at + len(junk) :])

    assert found in {"application/zip", OFFICE + "spreadsheetml.sheet"}
