"""One mail taken apart on its own: no database, no archive, and nothing left behind."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from postroom.core.rules import Standard
from postroom.pipeline.inside import Opening, final
from postroom.pipeline.pages import Pages
from postroom.pipeline.parts import Dissection
from postroom.storage.local import LocalStore
from postroom.storage.store import View
from postroom.unpack.opener import open_containers


@contextmanager
def dissection(raw: View, standard: Standard) -> Iterator[Dissection]:
    """Yield the mail `raw`, to be taken apart in a temporary folder that is gone at the end.

    There is no second attempt, so nothing in the bytes can make it raise.
    """
    with tempfile.TemporaryDirectory(prefix="postroom-") as name:
        folder = Path(name)
        opening = final(Opening(open_containers(standard.limits), folder / "scratch"))
        yield Dissection(Pages(raw), standard=standard, store=LocalStore(folder / "archive"), opening=opening)
