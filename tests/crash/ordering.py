"""The proof of the order: what strace saw, object by object, from the first byte to the source that lets go.

    every raw mail of a batch durable < the batch told to the database < COMMIT lasts < the source lets go
    every document of a mail durable < the database told of it, and that its mail is PARSED

and before its client hears 250, a mail is durable in the Maildir.  What makes a file durable is told in
`durable`; in S3 an object is durable once it was PUT and a HEAD has found it.  Threads and processes are all
followed: the order is that of the calls, whoever made them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.crash.committed import Commit, commits, is_on_sqlite, parsed, wire_of
from tests.crash.counting import Count
from tests.crash.durable import first_after, late, renames, syncs_before, unsafe_bytes, unsafe_file
from tests.crash.ledger import Post, Sent
from tests.crash.letting_go import lets_go, place_of
from tests.crash.results import Result
from tests.crash.stages import Stage
from tests.crash.tracing import Call, await_end, calls, processes, traced

_MAILS = 4  # in the one batch of each source


@dataclass(frozen=True, slots=True)
class Told:
    """What came of the mails by the rows: the digest of each by its place, the raw key of each document's."""

    mails: Sequence[Sent]
    digests: Mapping[str, str]
    raw_keys: Mapping[str, str]


def prove_order(stage: Stage, seed: int, *, sabotages: Sequence[str] = ()) -> Result:
    """Let mails from each source be taken under strace; what came in the wrong order is in `breaches`.

    Those of a source are there before it is polled, so that they are one batch; a relay's come one by one.
    Where there are worker processes, they take all mails apart.
    """
    stage.drain()
    stage.kill_all()
    host, post = stage.hosts[0], Post(seed, largest_bytes=8_000)
    trace = host.folder / "trace"
    sent = [mail for _ in range(_MAILS) for mail in stage.way.send_to_each(0, post.write)]
    stage.sent += sent
    words = ["run"] if stage.by_relay else ["fetch", "--once"]
    tricks = [*(["by worker processes alone"] if stage.processes else []), *sabotages]
    with traced(stage, host, words, trace, closely=True, sabotages=tricks) as pid:
        code = await_end(stage, host, pid, is_done=lambda: stage.by_relay and stage.is_drained())
    assert code in {0, None}, f"the traced round ended with {code}"
    result = Result(stage.cell, "order", seed, Count(0))
    seen = calls(trace)
    result.breaches = breaches(seen, _told(stage, sent), by_relay=stage.by_relay)
    result.breaches += _made_here(seen) if stage.processes else []
    stage.drain()
    stage.kill_all()
    result.count = stage.count()
    return result


def _told(stage: Stage, sent: Sequence[Sent]) -> Told:
    seen = stage.rows("SELECT source_name, uid, file_name, raw_sha256 FROM sighting")
    kept = stage.rows(
        "SELECT d.object_key, m.raw_key FROM document d JOIN inbound_message m"
        " ON m.org_id = d.org_id AND m.id = d.message_id"
    )
    digests = {place_of(source, uid, file): sha256 for source, uid, file, sha256 in seen}
    return Told(sent, digests, dict(kept))


def breaches(seen: Sequence[Call], told: Told, *, by_relay: bool) -> list[str]:
    """Return what came in the wrong order, or not at all."""
    committed, gone = commits(seen), lets_go(seen)
    raw, documents = _of_kind(committed, "raw"), _of_kind(committed, "doc")
    ended = parsed(seen)
    files = len({(mail.org, digest) for mail in told.mails for digest in mail.documents})
    found = list(_counted(len(told.mails), archived=len(raw), let_go=len(gone)))
    found += _counted(files, documents=len(documents))
    found += _counted(len(told.mails), parsed=len(ended)) if is_on_sqlite(seen) else ()
    for key, commit in committed.items():
        end = ended.get(told.raw_keys.get(key, ""), commit)
        found += _unsafe_object(seen, key, min(commit.told, end.told, key=lambda call: call.begun))
    found += _let_go_early(gone, told, raw)
    found += _shown_early(seen, len(told.mails)) if by_relay else _archived_alone(seen, raw)
    return found


def is_acceptance(call: Call) -> bool:
    """Return whether a client hears by this call that its mail is taken."""
    return '"250 2.0.0 accepted' in call.told


def _of_kind(committed: Mapping[str, Commit], kind: str) -> dict[str, Commit]:
    return {key: commit for key, commit in committed.items() if f"/{kind}/" in key}


def _counted(wanted: int, **figures: int) -> Iterator[str]:
    """Yield what was not seen as often as there were mails, or files in them: then nothing is proved."""
    for name, figure in figures.items():
        if figure != wanted:
            yield f"{figure} {name}, and not {wanted}"


def _unsafe_object(seen: Sequence[Call], key: str, relied_on: Call) -> Iterator[str]:
    """Yield why an object was not durable before the database was told of it.

    Where it is put once more later, as by a second worker, that has to be whole as well.
    """
    puts, end = _puts(seen, key), "the COMMIT"
    first = puts[0] if puts else None
    yield from late(first, relied_on, f"object {key}", end)
    if first is not None and first.name == "sendto":
        yield from late(_found(seen, first, key), relied_on, f"HEAD of {key}", end)
    elif first is not None:
        yield from unsafe_file(seen, first, lambda call: call is relied_on, end)
        for again in puts[1:]:
            yield from unsafe_bytes(seen, again)


def _found(seen: Sequence[Call], put: Call, key: str) -> Call | None:
    """Return the answer to the HEAD after a PUT: that the object is there."""
    head = first_after(seen, put, lambda call: '"HEAD ' in call.told and f"/{key} " in call.told)
    wire = wire_of(head) if head else ""
    answer = first_after(seen, head, lambda call: call.name == "recvfrom" and wire_of(call) == wire)
    return answer if answer and '"HTTP/1.1 200 ' in answer.told else None


def _puts(seen: Sequence[Call], key: str) -> list[Call]:
    """Return the calls that put an object in its place: a rename, or a PUT."""
    sent = [call for call in seen if call.name == "sendto" and '"PUT ' in call.told]
    return renames(seen, "/_drafts/", f"/{key}") or [call for call in sent if f"/{key} " in call.told]


def _let_go_early(gone: Mapping[str, Call], told: Told, raw: Mapping[str, Commit]) -> Iterator[str]:
    """Yield each mail that its source let go of before the batch that names it would last."""
    by_digest = {key.rpartition("/")[2]: commit for key, commit in raw.items()}
    for place, call in gone.items():
        commit = by_digest.get(told.digests.get(place, ""))
        lasting = commit.lasting if commit else None
        yield from late(lasting, call, f"COMMIT of {place}", "the source let go")


def _shown_early(seen: Sequence[Call], mails: int) -> Iterator[str]:
    """Yield each mail that was not durable in the Maildir when its client heard 250."""
    shown = renames(seen, "/tmp/", "/new/")  # noqa: S108  (of a Maildir)
    yield from _counted(mails, shown=len(shown))
    for rename in shown:
        yield from unsafe_file(seen, rename, is_acceptance, "the 250")


def _archived_alone(seen: Sequence[Call], raw: Mapping[str, Commit]) -> Iterator[str]:
    """Yield that no batch was archived by several threads: then nothing is proved of their order."""
    threads = defaultdict[Call | None, set[str]](set)
    for key, commit in raw.items():
        for put in _puts(seen, key):
            made_durable = [put] if put.name == "sendto" else syncs_before(seen, put)
            threads[commit.lasting] |= {call.thread for call in made_durable}
    if max(map(len, threads.values()), default=0) < 2:
        yield "no batch was archived by several threads"


def _made_here(seen: Sequence[Call]) -> Iterator[str]:
    """Yield each document that was put in its place by the process that committed it."""
    homes = processes(seen)
    for key, commit in _of_kind(commits(seen), "doc").items():
        if homes[commit.told.thread] in {homes[call.thread] for call in _puts(seen, key)}:
            yield f"{key} was made by the process that committed it"
