"""The sample mails of the demo, written out byte for byte so that each shows one thing."""

from __future__ import annotations

import base64
import io
import zipfile
from dataclasses import dataclass

from postroom.cli.demo_winmail import winmail

DOMAIN = "demo.test"
ADDRESS = f"orders+{{org}}@{DOMAIN}"

_PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n"
    b"2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    b"3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
)
_CSV = b"pos;artikel;menge\r\n1;Schraube M4;200\r\n2;Mutter M4;200\r\n3;Scheibe M4;400\r\n"


@dataclass(frozen=True, slots=True)
class Sample:
    """One mail, the tag it is sent to, and its subject."""

    tag: str
    subject: str
    raw: bytes


def samples() -> list[Sample]:
    """Return the mails as they are sent: two orgs, a duplicate, an unknown org, a broken one, winmail.dat."""
    order = _sample(
        "acme", "PO 4711", _part("po-4711.pdf", "application/pdf", _PDF), _part("lines.xlsx", _XLSX, _sheet())
    )
    return [
        order,
        order,
        _sample("beta", "Bestellung", _part("positionen.csv", "text/csv", _CSV)),
        _sample("nope", "Hello"),
        _broken("beta", "broken"),
        _sample("acme", "FW: scan", _part("winmail.dat", "application/ms-tnef", winmail("scan.pdf", _PDF))),
    ]


_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def _sample(tag: str, subject: str, *parts: bytes) -> Sample:
    body = _text(f"Dear colleagues,\r\nplease find {subject} attached.\r\n")
    whole = b"".join(b"--demo\r\n" + part + b"\r\n" for part in (body, *parts)) + b"--demo--\r\n"
    return Sample(
        tag,
        subject,
        _header(tag, subject) + b'Content-Type: multipart/mixed; boundary="demo"\r\n\r\n' + whole,
    )


def _broken(tag: str, subject: str) -> Sample:
    """Return a mail with damaged base64 and without its last boundary, as old gateways send them."""
    scan = base64.encodebytes(_PDF).replace(b"\n", b" \r\n!\r\n", 1)
    part = (
        b'--demo\r\nContent-Type: application/pdf; name="scan.pdf"\r\nContent-Disposition: attachment\r\n'
        b"Content-Transfer-Encoding: base64 \r\n\r\n" + scan
    )
    return Sample(
        tag, subject, _header(tag, subject) + b"Content-Type: multipart/mixed; boundary=demo\r\n\r\n" + part
    )


def _header(tag: str, subject: str) -> bytes:
    return (
        f"Return-Path: <buyer@customer.test>\r\nDelivered-To: {ADDRESS.format(org=tag)}\r\n"
        f"Received: from customer.test by mx.{DOMAIN}; Mon, 02 Nov 2026 08:00:00 +0000\r\n"
        f"From: Buyer <buyer@customer.test>\r\nTo: {ADDRESS.format(org=tag)}\r\nSubject: {subject}\r\n"
        f"Date: Mon, 02 Nov 2026 08:00:00 +0000\r\n"
        f"Message-ID: <{subject.replace(' ', '-').lower()}.{tag}@customer.test>\r\nMIME-Version: 1.0\r\n"
    ).encode()


def _text(words: str) -> bytes:
    return b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + words.encode()


def _part(name: str, content_type: str, content: bytes) -> bytes:
    encoded = base64.encodebytes(content).replace(b"\n", b"\r\n")
    return (
        f'Content-Type: {content_type}; name="{name}"\r\n'
        f'Content-Disposition: attachment; filename="{name}"\r\n'
        f"Content-Transfer-Encoding: base64\r\n\r\n"
    ).encode() + encoded


def _sheet() -> bytes:
    """Return a workbook of one sheet, as small as the format allows."""
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    package = "http://schemas.openxmlformats.org/package/2006"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    files = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types">'
        f'<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
        f'<Override PartName="/xl/worksheets/sheet1.xml" ContentType="{kind}.worksheet+xml"/></Types>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        f'<sheet name="Lines" sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="r1" '
        f'Type="{office}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData><row r="1"><c r="A1">'
        f"<v>4711</v></c></row></sheetData></worksheet>",
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as book:
        for name, content in files.items():
            book.writestr(zipfile.ZipInfo(name), f'<?xml version="1.0" encoding="UTF-8"?>{content}')
    return buffer.getvalue()
