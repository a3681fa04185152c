"""How fast mail is taken apart, beside other parsers, in one run; and what hostile mail costs.

Every candidate parses the same mails, decodes what is attached and takes its SHA-256.  Rounds are interleaved
and the median counts, so a noisy machine disturbs all alike: only the ratios mean something.

Beside them stands the bare work: pybase64 and SHA-256 over the same bodies, each in one go and with nothing
looked for.  Where each body lies it is told before the clock starts.  postroom digests containers too, whose
bytes are then digested again; so that is compared with the same bare work and the containers' bytes besides.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from email.parser import BytesParser
from pathlib import Path

import pybase64
from fast_mail_parser import parse_email

from bench import mails
from bench.report import Figure, median, told
from postroom.core.decode import decode
from postroom.core.mime import walk
from tests.counted import Counted
from tests.unit.core.test_bombs import BOMBS, take_apart

PLAIN, ALL_PLAIN = "bare work", "bare work, containers digested too"
OURS, LEDGER = "postroom", "postroom, containers digested too"
COMPAT, RUST = "email compat32", "fast-mail-parser"


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def postroom(raw: bytes) -> None:
    for part in walk(raw).leaves:
        decode(raw, part)


def ledger(raw: bytes) -> None:
    for part in walk(raw).parts:
        decode(raw, part)


def compat32(raw: bytes) -> None:
    for part in BytesParser().parsebytes(raw).walk():
        if not part.is_multipart():
            part.get_filename()
            digest(part.get_payload(decode=True))


def rust(raw: bytes) -> None:
    for attachment in parse_email(raw).attachments:
        digest(bytes(attachment.content))


def plainly(bodies: Sequence[tuple[bytes, bool]]) -> None:
    for body, encoded in bodies:
        digest(pybase64.b64decode(body) if encoded else body)


def bodies(raw: bytes, *, containers: bool) -> list[tuple[bytes, bool]]:
    """Return the body of each part, and whether it is base64."""
    parts = walk(raw).parts if containers else walk(raw).leaves
    return [
        (raw[part.body_start : part.body_end], not part.is_container and part.transfer_encoding == "base64")
        for part in parts
    ]


def compared(name: str, raws: Sequence[bytes], rounds: int, *, aimed: bool = False) -> Iterator[Figure]:
    """Yield the median MB/s of each candidate over these mails, and postroom's beside others', by rounds."""
    megabytes = sum(map(len, raws)) / 1e6
    seconds = _timed(raws, rounds)
    what = f"{len(raws)} mail(s), {megabytes:.0f} MB, {rounds} rounds of CPU time"
    for candidate, times in seconds.items():
        rates = [megabytes / one for one in times]
        note = f"{min(rates):.0f} to {max(rates):.0f}; {what}"
        yield Figure(f"{name}: {candidate}", median(rates), "MB/s", note)
    aims: dict[str, float] = {COMPAT: 10.0, RUST: 0.6} if aimed else {}
    for mine, other in ((OURS, COMPAT), (OURS, RUST), (OURS, PLAIN), (LEDGER, ALL_PLAIN)):
        ratios = [theirs / ours for ours, theirs in zip(seconds[mine], seconds[other], strict=True)]
        note = f"{min(ratios):.2f} to {max(ratios):.2f}"
        yield Figure(f"{name}: {mine} beside {other}", median(ratios), "x", note, at_least=aims.get(other))


def _timed(raws: Sequence[bytes], rounds: int) -> dict[str, list[float]]:
    """Return the seconds of CPU time of each candidate in each round."""
    leaves = [bodies(raw, containers=False) for raw in raws]
    parts = [bodies(raw, containers=True) for raw in raws]
    candidates: dict[str, Callable[[], object]] = {
        PLAIN: lambda: [plainly(one) for one in leaves],
        ALL_PLAIN: lambda: [plainly(one) for one in parts],
        OURS: lambda: [postroom(raw) for raw in raws],
        LEDGER: lambda: [ledger(raw) for raw in raws],
        RUST: lambda: [rust(raw) for raw in raws],
        COMPAT: lambda: [compat32(raw) for raw in raws],
    }
    seconds: dict[str, list[float]] = {candidate: [] for candidate in candidates}
    for _ in range(rounds):
        for candidate, run in candidates.items():
            gc.collect()
            started = time.process_time()
            run()
            seconds[candidate].append(time.process_time() - started)
    return seconds


def peak_of(path: Path) -> float:
    """Return the peak memory in MB of a process of its own that takes the mail in `path` apart."""
    program = (
        "import sys; from postroom.cli.main import main\n"
        "try: main()\n"
        "finally: print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0], file=sys.stderr)"
    )
    command = [sys.executable, "-c", program, "inspect", "--json", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return int(done.stderr.split()[-1]) / 1024


def memory() -> Iterator[Figure]:
    """Yield the peak memory of `postroom inspect` on a small mail and on one of 100 MB."""
    with tempfile.TemporaryDirectory() as folder:
        for megabytes in (1, 100):
            path = Path(folder, f"{megabytes}.eml")
            path.write_bytes(mails.single(megabytes).raw)
            yield Figure(
                f"postroom inspect, a mail of {megabytes} MB", peak_of(path), "MB", "the whole process"
            )


def bombs() -> Iterator[Figure]:
    """Yield what the core's whole work on each hostile mail takes."""
    for name, raw in BOMBS.items():
        started = time.process_time()
        take_apart(Counted(raw))
        seconds = time.process_time() - started
        tracemalloc.start()
        take_apart(Counted(raw))
        peak = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
        yield Figure(f"hostile: {name}", seconds, "s", f"{len(raw) / 1e6:.1f} MB; {peak:.1f} MB of memory")


def _all(asked: argparse.Namespace) -> Iterator[Figure]:
    mixed = [mail.raw for mail in mails.mixed(asked.mails)]
    yield from compared("mixed", mixed, asked.rounds, aimed=True)
    yield from compared("25 MB", [mails.single(25).raw], asked.rounds)
    yield from compared("100 MB", [mails.single(100).raw], max(1, asked.rounds // 2))
    yield from memory()
    yield from bombs()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.parse", description=__doc__)
    parser.add_argument("--mails", type=int, default=300, help="of the mixed kind")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the figures there too")
    asked = parser.parse_args()
    told(_all(asked), asked.json)


if __name__ == "__main__":
    main()
