"""Mails made to hurt: how often their bytes are looked at, and how many at one time."""

from __future__ import annotations

import tracemalloc

import pytest

from postroom.core.addresses import mailboxes
from postroom.core.decode import decode
from postroom.core.embedded import embedded
from postroom.core.headers import read_header_block
from postroom.core.mime import walk
from postroom.core.words import decode_words
from tests.counted import Counted

MIXED = b"Content-Type: multipart/mixed; boundary=b\n\n"
LEVEL = b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n"
WORD = b" =?utf-8?q?=C3=BC?="

BOMBS = {
    "100,000 empty parts": MIXED + b"--b\n" * 100_000,
    "100,000 empty parts with headers": MIXED + b"--b\nContent-Type: a/b\n\n" * 100_000,
    "2,000 multiparts deep": b"".join(LEVEL % (at, at) for at in range(2_000)),
    "2,000 messages deep": b"Content-Type: message/rfc822\n\n" * 2_000,
    "16,000 parameters": b"Content-Type: a/b" + b"; p=v" * 16_000 + b"\n\n",
    "16,000 pieces of a name": b"Content-Type: a/b" + b"".join(b"; n*%d*=%%41" % at for at in range(16_000)),
    "16,000 addresses": b"To: " + b"a@b.example, " * 16_000 + b"\n\n",
    "16,000 encoded words": b"Subject:" + WORD * 16_000 + b"\n\n",
    "16,000 encoded words in a name": b'Content-Type: a/b; name="' + WORD * 16_000 + b'"\n\n',
    "64 KiB of semicolons": b"Content-Type: " + b";" * 65_536 + b"\n\n",
    "100,000 header fields": b"A: b\n" * 100_000 + b"\n",
    "one header of 3 MB": b"A: " + b"x" * 3_000_000,
    "no header, 3 MB in one line": b"x" * 3_000_000,
    "3 MB never closed": MIXED + b"--b\n\n" + b"x" * 3_000_000,
    "3 MB of openings": MIXED + b'(<[{"=?' * 400_000,
    "a million dashes": MIXED + b"\n--" * 1_000_000,
    "3 MB of almost boundaries": MIXED + b"\n--bb" * 600_000,
    "boundaries within lines": MIXED + b"x--b" * 750_000,
    "3 MB of blanks behind a boundary": MIXED + b"--b" + b" " * 3_000_000 + b"\n\n",
    "300,000 end boundaries": MIXED + b"--b\n" + b"--b--\n" * 300_000,
    "multiparts without boundary": MIXED + b"--b\nContent-Type: multipart/mixed\n\n" * 50_000,
    "beginnings of files": b"\n" + b"begin 644 x\n#0V%T\n" * 100_000,
    "beginnings of yEnc": b"\n" + b"=ybegin name=x\n" * 200_000,
    "NULs": b"\x00" * 3_000_000,
    "bare CRs": b"A: b\r\r" + b"\r" * 3_000_000,
}


def take_apart(raw: Counted) -> None:
    """Do all that the core does with a mail."""
    message = walk(raw)
    for part in message.parts:
        decode(raw, part)
        if part.content_type == "text/plain":
            embedded(raw, part, part.body_start, part.body_end, most=1_000)
    for field in message.header.fields:
        decode_words(field.body[:16_384])
        mailboxes(field.body)


@pytest.mark.parametrize("name", BOMBS)
def test_the_bytes_of_a_bomb_are_looked_at_a_few_times_and_never_all_at_once(name: str) -> None:
    raw = Counted(BOMBS[name])

    take_apart(raw)

    # Each container around a byte digests it once more, and `limits.nesting` is 30; nothing else grows.
    depth = max(part.depth for part in walk(BOMBS[name]).parts)
    assert raw.sliced <= (6 + depth) * len(raw) + 1_000 * 17_000
    assert raw.biggest <= 300_000


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_takes_no_memory_to_speak_of(name: str) -> None:
    raw = Counted(BOMBS[name])
    tracemalloc.start()

    take_apart(raw)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 16_000_000


def test_a_mail_twice_as_long_is_looked_at_twice_as_often() -> None:
    def sliced(pieces: int) -> int:
        raw = Counted(MIXED + b"".join(b"--b\n\n" + b"QUJD" * 500 + b"\n" for _ in range(pieces)))
        take_apart(raw)
        return raw.sliced

    once, twice = sliced(400), sliced(800)

    assert twice <= 2.2 * once


def test_a_header_is_read_in_two_looks_at_most() -> None:
    raw = Counted(b"A: b\n" * 900 + b"B: " + b"x" * 200_000 + b"\n\nbody" + b"x" * 5_000_000)

    block = read_header_block(raw)

    assert (len(block.fields), block.body_start) == (901, 204_505)
    assert raw.slices == 2
