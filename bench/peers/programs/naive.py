"""The same work as written at first: IMAPClient as it comes, `email`, a commit and an fsync per step.

naive.py PORT USER PASSWORD FOLDER [POSTGRES_URL BUCKET_ENDPOINT BUCKET ACCESS_KEY SECRET_KEY]
Without the last five, rows go to SQLite and objects to files.
"""

from __future__ import annotations

import email
import email.policy
import hashlib
import os
import re
import sqlite3
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import psycopg
from imapclient import IMAPClient

_SCHEMA = (
    "CREATE TABLE message (id text PRIMARY KEY, org text NOT NULL, message_id text NOT NULL, subject text,"
    " status text NOT NULL, raw_key text, raw_sha256 text, UNIQUE (org, message_id))",
    "CREATE TABLE document (id text PRIMARY KEY, message text NOT NULL REFERENCES message, filename text,"
    " object_key text NOT NULL, sha256 text NOT NULL)",
)
Put = Callable[[str, bytes], None]


class Rows:
    """One statement, one commit."""

    def __init__(self, folder: Path, url: str) -> None:
        self._mark = "%s" if url else "?"
        self._connection: Any = psycopg.connect(url) if url else sqlite3.connect(folder / "rows.db")
        if not url:
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = FULL")
        for statement in _SCHEMA:
            self.run(statement)

    def run(self, statement: str, *values: object) -> None:
        self._connection.execute(statement.replace("?", self._mark), values)
        self._connection.commit()


def main() -> None:
    port, user, password, place, *cluster = sys.argv[1:]
    rows = Rows(Path(place), cluster[0] if cluster else "")
    put = in_bucket(*cluster[1:]) if cluster else in_files(Path(place) / "archive")
    with IMAPClient("127.0.0.1", int(port), ssl=False) as client:
        client.login(user, password)
        client.select_folder("INBOX")
        for uid in client.search("ALL"):
            raw = client.fetch([uid], ["BODY.PEEK[]"])[uid][b"BODY[]"]
            take(raw, rows, put)
            client.add_flags([uid], [b"\\Seen"])


def take(raw: bytes, rows: Rows, put: Put) -> None:
    """Route, insert, archive, extract: each step durable before the next."""
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    found = re.search(r"\+(\w+)@", mail["Delivered-To"] or "")
    org, key = found[1] if found else "", str(uuid.uuid4())
    rows.run(
        "INSERT INTO message (id, org, message_id, subject, status) VALUES (?, ?, ?, ?, 'received')",
        *(key, org, mail["Message-ID"], mail["Subject"]),
    )
    digest = hashlib.sha256(raw).hexdigest()
    put(f"{org}/raw/{digest}", raw)
    rows.run(
        "UPDATE message SET status = 'stored', raw_key = ?, raw_sha256 = ? WHERE id = ?",
        *(f"{org}/raw/{digest}", digest, key),
    )
    for part in mail.iter_attachments():
        if part.get_content_disposition() == "attachment":
            content: Any = part.get_payload(decode=True)
            digest = hashlib.sha256(content).hexdigest()
            put(f"{org}/doc/{digest}", content)
            rows.run(
                "INSERT INTO document (id, message, filename, object_key, sha256) VALUES (?, ?, ?, ?, ?)",
                *(str(uuid.uuid4()), key, part.get_filename(), f"{org}/doc/{digest}", digest),
            )
    rows.run("UPDATE message SET status = 'parsed' WHERE id = ?", key)


def in_files(archive: Path) -> Put:
    def put(key: str, content: bytes) -> None:
        path = archive / key
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_suffix(".draft").open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        path.with_suffix(".draft").rename(path)
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    return put


def in_bucket(endpoint: str, bucket: str, access_key: str, secret_key: str) -> Put:
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
    )

    def put(key: str, content: bytes) -> None:
        client.put_object(Bucket=bucket, Key=key, Body=content)

    return put


if __name__ == "__main__":
    main()
