"""File names: RFC 2047 words, RFC 2231 pieces, and what is made of them to be shown."""

from __future__ import annotations

import atheris

from fuzz.started import fuzz

with atheris.instrument_imports(include=["postroom"]):
    from postroom.core.filename import MAX_BYTES, display_name
    from postroom.core.params import read_parameters
    from postroom.core.words import decode_words


def read(raw: bytes) -> None:
    names = [decode_words(raw), *(one.value for one in read_parameters(b"a/b; " + raw).parameters.values())]
    for name in names:
        shown = display_name(name)
        assert shown
        assert len(shown.encode()) <= MAX_BYTES
        assert "/" not in shown
        assert display_name(shown) == shown


if __name__ == "__main__":
    fuzz(read, longest=512)
