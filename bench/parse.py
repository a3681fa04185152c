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
import json
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence
from email.parser import BytesParser
from pathlib import Path

import pybase64
from fast_mail_parser import parse_email

from bench import mails
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


def compared(name: str, raws: Sequence[bytes], rounds: int) -> dict[str, float]:
    """Print and return the median MB/s of each candidate over these mails."""
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
    megabytes = sum(map(len, raws)) / 1e6
    rates = {candidate: megabytes / statistics.median(times) for candidate, times in seconds.items()}
    print(f"\n{name}: {len(raws)} mails, {megabytes:.0f} MB, median of {rounds} rounds of CPU time")
    for candidate, rate in rates.items():
        print(f"  {candidate:34} {rate:8.0f} MB/s  {len(raws) / megabytes * rate:8.1f} mails/s")
    faster, beside = rates[OURS] / rates[COMPAT], rates[OURS] / rates[RUST]
    print(f"  postroom is {faster:.1f} x {COMPAT}, {beside:.2f} x {RUST}, and takes the time of")
    print(
        f"  {rates[PLAIN] / rates[OURS]:.2f} x {PLAIN}; {rates[ALL_PLAIN] / rates[LEDGER]:.2f} x {ALL_PLAIN}"
    )
    return rates


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


def memory() -> dict[str, float]:
    """Print and return the peak memory of `postroom inspect` on a small mail and on one of 100 MB."""
    peaks = {}
    with tempfile.TemporaryDirectory() as folder:
        for megabytes in (1, 100):
            path = Path(folder, f"{megabytes}.eml")
            path.write_bytes(mails.single(megabytes).raw)
            peaks[f"{megabytes} MB"] = peak_of(path)
    print("\npostroom inspect, peak memory of the whole process")
    for name, peak in peaks.items():
        print(f"  a mail of {name:8} {peak:6.0f} MB")
    return peaks


def bombs() -> dict[str, tuple[float, float]]:
    """Print and return seconds and peak MB for each hostile mail."""
    print("\nHostile mails (the core's whole work)       seconds   peak MB")
    figures = {}
    for name, raw in BOMBS.items():
        started = time.process_time()
        take_apart(Counted(raw))
        seconds = time.process_time() - started
        tracemalloc.start()
        take_apart(Counted(raw))
        peak = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
        figures[name] = (round(seconds, 3), round(peak, 1))
        print(f"  {name:40} {seconds:8.3f}  {peak:8.1f}")
    return figures


def main() -> None:
    wanted = argparse.ArgumentParser(description=__doc__)
    wanted.add_argument("--mails", type=int, default=300, help="of the mixed kind")
    wanted.add_argument("--rounds", type=int, default=5)
    wanted.add_argument("--json", type=Path, help="write the figures there too")
    options = wanted.parse_args()
    figures: dict[str, object] = {
        "mixed": compared("mixed", [mail.raw for mail in mails.mixed(options.mails)], options.rounds),
        "25 MB": compared("one mail of 25 MB", [mails.single(25).raw], options.rounds),
        "100 MB": compared("one mail of 100 MB", [mails.single(100).raw], max(1, options.rounds // 2)),
        "memory": memory(),
        "bombs": bombs(),
    }
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
