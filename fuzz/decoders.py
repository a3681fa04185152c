"""Every transfer encoding, of the same bytes in one block and in many."""

from __future__ import annotations

import atheris

from fuzz.started import fuzz

with atheris.instrument_imports(include=["postroom"]):
    from postroom.core.base64_text import base64_decoded
    from postroom.core.quoted_printable import quoted_printable_decoded
    from postroom.core.raw import Defects
    from postroom.core.uuencode import uuencode_decoded
    from postroom.core.yenc import yenc_decoded

DECODERS = (base64_decoded, quoted_printable_decoded, uuencode_decoded, yenc_decoded)


def decode(raw: bytes) -> None:
    if not raw:
        return
    size, body = 1 + raw[0], raw[1:]
    for decoder in DECODERS:
        whole: Defects = {}
        cut: Defects = {}
        blocks = (body[at : at + size] for at in range(0, len(body), size))
        assert b"".join(decoder((body,), whole)) == b"".join(decoder(blocks, cut))
        assert set(whole) == set(cut)


if __name__ == "__main__":
    fuzz(decode, longest=2_048)
