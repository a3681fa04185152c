"""For whom a mail came: no bytes may name an org that the trusted header does not."""

from __future__ import annotations

import re

import atheris

from fuzz.started import fuzz

with atheris.instrument_imports(include=["postroom"]):
    from postroom.core.headers import read_header_block
    from postroom.core.routing import PROFILES, Rule, address_pattern, targets

SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
RULE = Rule(address_pattern("orders+{org}@in.example"), trust=PROFILES["postfix"])


def route(raw: bytes) -> None:
    for target in targets(read_header_block(raw), RULE):
        assert target.slug is None or SLUG.fullmatch(target.slug)


if __name__ == "__main__":
    fuzz(route, longest=8_192)
