"""A whole mail: walked, decoded, looked into."""

from __future__ import annotations

import atheris

from fuzz.started import fuzz

with atheris.instrument_imports(include=["postroom"]):
    from postroom.core.decode import decode
    from postroom.core.embedded import embedded
    from postroom.core.mime import walk


def take_apart(raw: bytes) -> None:
    for part in walk(raw).parts:
        assert 0 <= part.start <= part.body_start <= part.body_end <= len(raw)
        decode(raw, part)
        embedded(raw, part, part.body_start, part.body_end, most=1_000)


if __name__ == "__main__":
    fuzz(take_apart, longest=32_768)
