"""A CA of our own and a certificate for this machine, made by openssl."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


@dataclass(frozen=True, slots=True)
class Certificates:
    """PEM files: the CA that clients trust, the server's certificate and its key."""

    ca: Path
    server: Path
    key: Path


def make_certificates(folder: Path) -> Certificates:
    """Return a fresh CA and a certificate for the name localhost (no address), valid for two days."""
    made = Certificates(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    request, extensions, ca_key = folder / "server.csr", folder / "server.ext", folder / "ca.key"
    extensions.write_text("subjectAltName=DNS:localhost\n", encoding="ascii")
    _openssl(
        "req",
        "-x509",
        *_KEY,
        "-keyout",
        ca_key,
        "-out",
        made.ca,
        "-days",
        "2",
        "-subj",
        "/CN=postroom test CA",
    )
    _openssl("req", *_KEY, "-keyout", made.key, "-out", request, "-subj", "/CN=localhost")
    _openssl(
        "x509", "-req", "-in", request, "-CA", made.ca, "-CAkey", ca_key, "-CAcreateserial",
        "-out", made.server, "-days", "2", "-extfile", extensions,
    )  # fmt: skip
    return made


def _openssl(*words: str | Path) -> None:
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)
