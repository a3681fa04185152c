"""The torture mails, damaged further: whatever the bytes are, they are read, and in one pass."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from postroom.core.decode import decode
from postroom.core.embedded import embedded
from postroom.core.mime import walk
from tests.counted import Counted
from tests.dissecting import taken_apart

CORPUS = os.environ.get("POSTROOM_CORPUS", "")
ROUNDS = int(os.environ.get("POSTROOM_MUTANTS", "600"))
MATTER = [
    b"\r",
    b"\n",
    b"\r\n",
    b"\x00",
    b"=",
    b";",
    b'"',
    b"--",
    b" ",
    b"\t",
    b":",
    b"\xff",
    b"=?",
    b"?=",
    b"*0*=",
    b"(",
    b"<",
]


def mutant(raw: bytes, chance: random.Random) -> bytes:
    """Return `raw` with a few bytes changed, cut out, doubled or put elsewhere."""
    damaged = bytearray(raw)
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(damaged) + 1)
        length = chance.choice([1, 2, 8, 60, 500])
        match chance.randrange(5):
            case 0:
                damaged[at : at + 1] = chance.randbytes(1)
            case 1:
                del damaged[at : at + length]
            case 2:
                damaged[at:at] = chance.choice(MATTER) * chance.choice([1, 1, 3, 100])
            case 3:
                damaged[at:at] = damaged[at : at + length]
            case _:
                start = chance.randrange(len(damaged) + 1)
                damaged[at:at] = damaged[start : start + length]
    return bytes(damaged)


@pytest.fixture(scope="module")
def mails() -> list[bytes]:
    if not CORPUS:
        pytest.skip("set POSTROOM_CORPUS to a folder of torture mails")
    return [path.read_bytes() for path in sorted(Path(CORPUS).rglob("*.eml"))]


def test_no_mutant_raises_and_each_is_read_in_one_pass(mails: list[bytes]) -> None:
    chance = random.Random(20250304)  # noqa: S311  (no secret; the same mails every time)
    for _ in range(ROUNDS):
        raw = Counted(mutant(chance.choice(mails), chance))

        message = walk(raw)
        for part in message.parts:
            decode(raw, part)
            embedded(raw, part, part.body_start, part.body_end, most=1_000)

        depth = 1 + max(part.depth for part in message.parts)
        assert raw.sliced <= (8 + 2 * depth) * len(raw) + 20_000 * len(message.parts)


def test_no_mutant_is_without_a_ledger(mails: list[bytes]) -> None:
    chance = random.Random(20250305)  # noqa: S311  (no secret; the same mails every time)
    for _ in range(ROUNDS // 6):
        raw = mutant(chance.choice(mails), chance)

        taken = taken_apart(raw)

        assert len({line.path for line in taken.lines}) == len(taken.lines) >= 1
        assert all(line.sha256 and line.reason for line in taken.lines)
