"""The proof of the order: what strace saw, mail by mail, from the first byte to the source that lets go.

    write < fsync of the file < rename < fsync of the folder < COMMIT < the source lets go

and before its client hears 250, a mail is durable in the Maildir in the same way.  Where folders were made
for the file, each of them is in a folder that was synced too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePath

from tests.crash.counting import Count
from tests.crash.ledger import Post
from tests.crash.results import Result
from tests.crash.stages import Stage
from tests.crash.tracing import Call, await_end, calls, traced

_RENAME = re.compile(r'"(?P<old>[^"]+)", (?:AT_FDCWD[^,]*, )?"(?P<new>[^"]+)"')
_MADE = re.compile(r'"(?P<path>[^"]+)"')
_WRITES = {"write", "pwrite64", "writev"}
_SYNCS = {"fsync", "fdatasync"}
_PUT = re.compile(r'"PUT (?P<key>/\S+/raw/\S+) ')
_LET_GO = re.compile(r'/new/(?P<file>[^"/]+)"')
_ORDERED = re.compile(r'"[A-Z0-9]+ UID (MOVE|STORE)')

Is = Callable[[Call], bool]


def prove_order(stage: Stage, seed: int, *, sabotages: Sequence[str] = ()) -> Result:
    """Let a mail from each source be taken under strace; what came in the wrong order is in `breaches`."""
    stage.drain()
    stage.kill_all()
    host = stage.hosts[0]
    trace = host.folder / "trace"
    stage.sent += (sent := stage.way.send_to_each(0, Post(seed, largest_bytes=8_000).write))
    words = ["run"] if stage.by_relay else ["fetch", "--once"]
    with traced(stage, host, words, trace, sabotages=sabotages) as pid:
        code = await_end(stage, host, pid, is_done=lambda: stage.by_relay and stage.is_drained())
    assert code in {0, None}, f"the traced round ended with {code}"
    result = Result(stage.cell, "order", seed, Count(0))
    result.breaches = breaches(calls(trace), mails=len(sent), by_relay=stage.by_relay)
    stage.drain()
    stage.kill_all()
    result.count = stage.count()
    return result


def breaches(seen: Sequence[Call], *, mails: int, by_relay: bool) -> list[str]:
    """Return what came in the wrong order, or not at all, of so many mails."""
    shown = renames(seen, "/tmp/", "/new/")  # noqa: S108  (of a Maildir)
    raw = renames(seen, "/_drafts/", "/raw/")
    puts = [call for call in seen if call.name == "sendto" and _PUT.search(call.told)]
    gone = lets_go(seen)
    found = list(_counted(mails, archived=len(raw) + len(puts), let_go=len(gone)))
    if by_relay:
        found += _counted(mails, shown=len(shown))
    for rename in shown:
        found += unsafe_file(seen, rename, is_acceptance, "the 250")
    for rename, let_go in zip(raw, gone, strict=False):
        commit = _synced_wal(seen, rename)
        found += unsafe_file(seen, rename, lambda call, commit=commit: call is commit, "the COMMIT")  # type: ignore[misc]
        found += _before(commit, let_go, f"COMMIT of {rename.told}", "the source let go")
    for put, let_go in zip(puts, gone, strict=False):
        found += _unsafe_object(seen, put, let_go)
    return found


def is_acceptance(call: Call) -> bool:
    """Return whether a client hears by this call that its mail is taken."""
    return '"250 2.0.0 accepted' in call.told


def _counted(mails: int, **figures: int) -> Iterator[str]:
    """Yield each kind of call that was not seen once for every mail: then nothing is proved."""
    for name, figure in figures.items():
        if figure != mails:
            yield f"{figure} {name}, and not {mails}"


def lets_go(seen: Sequence[Call]) -> list[Call]:
    """Return the first call for each mail by which it leaves its source, or is changed there."""
    files: dict[str, Call] = {}
    for call in seen:
        if call.name in {"unlink", "unlinkat", "link", "linkat"} and (named := _LET_GO.search(call.told)):
            files.setdefault(named["file"], call)
    orders = [call for call in seen if call.name == "sendto" and _ORDERED.search(call.told)]
    return sorted([*files.values(), *orders], key=lambda call: call.begun)


def renames(seen: Sequence[Call], old: str, new: str) -> list[Call]:
    """Return the calls that renamed a file from a path with `old` in it to one with `new`."""
    pairs = [(call, _RENAME.search(call.told)) for call in seen if call.name.startswith("rename")]
    return [call for call, pair in pairs if pair and old in pair["old"] and new in pair["new"]]


def unsafe_file(seen: Sequence[Call], rename: Call, is_end: Is, end: str) -> Iterator[str]:
    """Yield what is missing between the last write of a file, its rename, and the end that relies on it."""
    pair = _RENAME.search(rename.told)
    assert pair is not None
    names = {pair["old"], _linked_from(seen, pair["old"])}
    written = [
        call for call in seen if call.name in _WRITES and any(f"<{name}>" in call.told for name in names)
    ]
    synced = first_after(seen, written[-1] if written else None, lambda call: _syncs(call, pair["old"]))
    folder = first_after(seen, rename, lambda call: _syncs(call, str(PurePath(pair["new"]).parent)))
    relied_on = first_after(seen, rename, is_end)
    yield from _before(written[-1] if written else None, rename, f"write of {pair['old']}", "its rename")
    yield from _before(synced, rename, f"fsync of {pair['old']}", "its rename")
    yield from _before(folder, relied_on, f"fsync of the folder of {pair['new']}", end)
    for made, path in _folders_made_for(seen, pair["new"]):
        above = first_after(seen, made, lambda call, path=path: _syncs(call, str(path.parent)))  # type: ignore[misc]
        yield from _before(above, relied_on, f"fsync of the folder of {path}", end)


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


def _unsafe_object(seen: Sequence[Call], put: Call, let_go: Call) -> Iterator[str]:
    """Yield what is missing between a PUT, the HEAD that looks for it, the COMMIT and the source."""
    found = _PUT.search(put.told)
    assert found is not None
    head = first_after(seen, put, lambda call: f'"HEAD {found["key"]} ' in call.told)
    insert = first_after(seen, head, lambda call: "INSERT INTO inbound_message" in call.told)
    wire = insert.told.partition(">")[0] if insert else ""
    commit = first_after(seen, insert, lambda call: call.told.startswith(wire) and "COMMIT" in call.told)
    yield from _before(head, insert, f"HEAD of {found['key']}", "its row")
    yield from _before(commit, let_go, f"COMMIT of {found['key']}", "the source let go")


def _synced_wal(seen: Sequence[Call], rename: Call) -> Call | None:
    """Return the first sync of SQLite's log by the thread that archived, after that."""
    wal = re.compile(r"\d+<[^>]*-wal>")
    return first_after(
        seen,
        rename,
        lambda call: call.thread == rename.thread and call.name in _SYNCS and bool(wal.match(call.told)),
    )


def _syncs(call: Call, path: str) -> bool:
    return call.name in _SYNCS and f"<{path}>" in call.told


def first_after(seen: Sequence[Call], after: Call | None, is_it: Is) -> Call | None:
    """Return the first call of that kind that began after another one had ended."""
    if after is None:
        return None
    return next((call for call in seen if call.begun > after.ended and is_it(call)), None)


def _before(first: Call | None, second: Call | None, what: str, then: str) -> Iterator[str]:
    if first is None or second is None or first.ended >= second.begun:
        yield f"no {what} before {then}"
