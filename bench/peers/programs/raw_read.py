"""The bytes alone: every mail in one FETCH over a bare socket, thrown away, or one file each with fsync.

Nothing is parsed but the lengths of the literals.  raw_read.py PORT USER PASSWORD FOLDER [--fsync]
"""

from __future__ import annotations

import io
import os
import re
import socket
import sys

_LITERAL = re.compile(rb"\{(\d+)\}\r\n$")
_BUFFER_BYTES = 1 << 18


def main() -> None:
    port, user, password, folder, *more = sys.argv[1:]
    with (
        socket.create_connection(("127.0.0.1", int(port))) as wire,
        io.BufferedReader(wire.makefile("rb", 0), _BUFFER_BYTES) as answers,
    ):
        answers.readline()
        for order in (f"LOGIN {user} {password}", "EXAMINE INBOX", "UID FETCH 1:* (UID BODY.PEEK[])"):
            wire.sendall(b"a " + order.encode() + b"\r\n")
            read(answers, folder if "--fsync" in more else "")


def read(answers: io.BufferedReader[socket.SocketIO], folder: str) -> None:
    """Read up to the tagged answer."""
    buffer, number = memoryview(bytearray(_BUFFER_BYTES)), 0
    while not (line := answers.readline()).startswith(b"a "):
        if not line:
            raise SystemExit("the server hung up")
        literal = _LITERAL.search(line)
        if literal:
            number += 1
            take(answers, int(literal[1]), buffer, f"{folder}/{number}" if folder else "")
    if not line.startswith(b"a OK"):
        raise SystemExit(line.decode("utf-8", "replace"))


def take(answers: io.BufferedReader[socket.SocketIO], length: int, buffer: memoryview, path: str) -> None:
    """Read a literal, into a file if there is a path; it survives a power cut then."""
    file = os.open(f"{path}.draft", os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600) if path else None
    left = length
    while left:
        count = answers.readinto(buffer[: min(left, _BUFFER_BYTES)])
        if not count:
            raise SystemExit("the server hung up in the middle of a mail")
        left -= count
        if file is not None:
            os.write(file, buffer[:count])
    if file is not None:
        os.fsync(file)
        os.close(file)
        os.rename(f"{path}.draft", path)  # noqa: PTH104  (no library but the socket's)


if __name__ == "__main__":
    main()
