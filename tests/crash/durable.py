"""What makes a file durable, in the order in which strace saw it, whichever threads and processes did it.

    write < fsync of the file < rename < fsync of the folder < what relies on it

Where folders were made for the file, each of them is in a folder that was synced too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePath

from tests.crash.tracing import Call

SYNCS = {"fsync", "fdatasync"}
_WRITES = {"write", "pwrite64", "writev"}
_RENAME = re.compile(r'"(?P<old>[^"]+)", (?:AT_FDCWD[^,]*, )?"(?P<new>[^"]+)"')
_MADE = re.compile(r'"(?P<path>[^"]+)"')

Is = Callable[[Call], bool]


def first_after(seen: Sequence[Call], after: Call | None, is_it: Is) -> Call | None:
    """Return the first call of that kind that began after another one had ended."""
    if after is None:
        return None
    return next((call for call in seen if call.begun > after.ended and is_it(call)), None)


def late(first: Call | None, second: Call | None, what: str, then: str) -> Iterator[str]:
    """Yield what is wrong where the first did not end before the second began, or one of them is missing."""
    if first is None or second is None or first.ended >= second.begun:
        yield f"no {what} before {then}"


def renames(seen: Sequence[Call], old: str, new: str) -> list[Call]:
    """Return the calls that renamed a file from a path with `old` in it to one with `new`."""
    pairs = [(call, _RENAME.search(call.told)) for call in seen if call.name.startswith("rename")]
    return [call for call, pair in pairs if pair and old in pair["old"] and new in pair["new"]]


def unsafe_file(seen: Sequence[Call], rename: Call, is_end: Is, end: str) -> Iterator[str]:
    """Yield what is missing between the last write of a file, its rename, and the end that relies on it."""
    pair = _RENAME.search(rename.told)
    assert pair is not None
    relied_on = first_after(seen, rename, is_end)
    folder = first_after(seen, rename, lambda call: _syncs(call, str(PurePath(pair["new"]).parent)))
    yield from unsafe_bytes(seen, rename)
    yield from late(folder, relied_on, f"fsync of the folder of {pair['new']}", end)
    for made, path in _folders_made_for(seen, pair["new"]):
        above = first_after(seen, made, lambda call, path=path: _syncs(call, str(path.parent)))  # type: ignore[misc]
        yield from late(above, relied_on, f"fsync of the folder of {path}", end)


def unsafe_bytes(seen: Sequence[Call], rename: Call) -> Iterator[str]:
    """Yield what is missing between the last write of a file and the rename that shows it."""
    pair = _RENAME.search(rename.told)
    assert pair is not None
    names = {f"<{name}>" for name in (pair["old"], _linked_from(seen, pair["old"]))}
    written = [call for call in seen if call.name in _WRITES and any(name in call.told for name in names)]
    last = written[-1] if written else None
    synced = first_after(seen, last, lambda call: _syncs(call, pair["old"]))
    yield from late(last, rename, f"write of {pair['old']}", "its rename")
    yield from late(synced, rename, f"fsync of {pair['old']}", "its rename")


def syncs_before(seen: Sequence[Call], rename: Call) -> list[Call]:
    """Return the calls that synced a file by the name that it had until that rename."""
    pair = _RENAME.search(rename.told)
    assert pair is not None
    return [call for call in seen if call.ended < rename.begun and _syncs(call, pair["old"])]


def _folders_made_for(seen: Sequence[Call], file: str) -> Iterator[tuple[Call, PurePath]]:
    """Yield each call that made a folder on the path of a file, and that folder."""
    for call in seen:
        made = _MADE.search(call.told) if call.name.startswith("mkdir") else None
        if made and PurePath(made["path"]) in PurePath(file).parents:
            yield call, PurePath(made["path"])


def _linked_from(seen: Sequence[Call], new: str) -> str:
    """Return the first name of a file whose other name is `new`; that one itself where it has but one."""
    pairs = [_RENAME.search(call.told) for call in seen if call.name.startswith("link")]
    return next((pair["old"] for pair in pairs if pair and pair["new"] == new), new)


def _syncs(call: Call, path: str) -> bool:
    return call.name in SYNCS and f"<{path}>" in call.told
