"""A header block and what its fields say."""

from __future__ import annotations

import atheris

from fuzz.started import fuzz

with atheris.instrument_imports(include=["postroom"]):
    from postroom.core import identity
    from postroom.core.addresses import mailboxes
    from postroom.core.dates import read_date
    from postroom.core.headers import read_header_block
    from postroom.core.params import read_parameters
    from postroom.core.words import text


def read(raw: bytes) -> None:
    block = read_header_block(raw)
    assert 0 <= block.body_start <= len(raw)
    identity.message_id(block)
    for field in block.fields:
        text(field)
        mailboxes(field.body)
        read_parameters(field.body)
        read_date(field.unfolded)


if __name__ == "__main__":
    fuzz(read, longest=8_192)
