"""Words that a mail may say of itself so as to break whoever repeats them, and mails full of them."""

from __future__ import annotations

import base64

HOSTILE = {
    "an escape sequence": "\x1b]0;owned\x07\x1b[2J\x1b[31mred",
    "a C1 control": "\x9b31mred\x9d0;owned\x9c",
    "new lines": "one\r\ntwo\nthree\x0bfour\x85five\u2028six",
    "a faked log line": 'x"}\n{"event": "parsed", "org": "beta"}',
    "right to left": "fdp.\u202excod\u202c\u2066x\u2069",
    "nothing to see": "a\u200bb\u2060c\ufeffd\u00ade",
    "a path": "../../../../etc/cron.d/owned",
    "an absolute path": "/etc/passwd",
    "a drive": "C:\\Windows\\system32\\x.dll",
    "a statement": "x'); DROP TABLE inbound_message; --",
    "a format": "{0.__class__} %s %(x)s ${HOME} $(id) `id`",
    "markup": "[bold red]x[/] <script>alert(1)</script>",
    "NUL and halves of letters": "a\x00b\udc80c\ud800",
    "a comma and a quote": '",\t;=HYPERLINK("http://x")',
}


def encoded(words: str) -> str:
    """Return an encoded word (RFC 2047), in which a header can hold anything."""
    raw = words.encode("utf-8", "surrogatepass")
    return f"=?utf-8?b?{base64.b64encode(raw).decode()}?="


def percented(words: str) -> str:
    """Return a parameter's value (RFC 2231), as above."""
    return "utf-8''" + "".join(f"%{byte:02x}" for byte in words.encode("utf-8", "surrogatepass"))


def hostile_mail(words: str, *, tag: str, number: int) -> bytes:
    raw = words.encode("utf-8", "surrogatepass").replace(b"\r", b"").replace(b"\n", b"")
    head = (
        f"Delivered-To: orders+{tag}@in.example\nReceived: by mx\n"
        f"From: {encoded(words)} <ann@a.example>\nTo: {encoded(words)} <x@a.example>\n"
        f"Subject: {encoded(words)}\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n"
    ).encode()
    return (
        head
        + b"Message-ID: <%d-" % number
        + raw
        + b"@a.example>\n\n--b\nContent-Type: application/pdf; name*="
        + percented(words).encode()
        + b"\nContent-Disposition: attachment\nContent-Transfer-Encoding: base64\n\nJVBERi0xLjQK\n"
        + b"--b\nContent-Type: "
        + raw
        + b"/"
        + raw
        + b'; name="'
        + raw
        + b'"\nContent-Disposition: attachment\n\nx\n--b--\n'
    )
