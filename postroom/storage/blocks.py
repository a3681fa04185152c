"""A file that is another's, read in blocks and held against the digest that it must have."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

from postroom.errors import SourceChanged
from postroom.plainfile import open_plain


def checked_blocks(path: Path, sha256: str, block_bytes: int) -> Iterator[bytes]:
    """Yield the file in blocks; its last block is followed by SourceChanged when the digest is another.

    All blocks but the last are `block_bytes` long.  What fails at this file says nothing of the archive: that
    is SourceChanged too.
    """
    digest = hashlib.sha256()
    try:
        with BufferedReader(open_plain(path)) as file:
            while block := file.read(block_bytes):
                digest.update(block)
                yield block
    except FileNotFoundError as error:
        raise SourceChanged(f"{path} is gone") from error
    except OSError as error:
        raise SourceChanged(f"cannot read {path}: {error.strerror or error}") from error
    if digest.hexdigest() != sha256:
        raise SourceChanged(f"{path} changed while it was read")
