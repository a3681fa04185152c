"""What one piece of work costs in memory, measured where nothing else runs: in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
_MEASURED = """
from pathlib import Path

def peak():
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) // 1024

{prepare}
Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew: proc(5)
before = peak()
{work}
print(peak() - before)
"""


def growth_mb(prepare: str, work: str) -> int:
    """Return by how many MB the resident memory grew at most during `work`; both are Python sources.

    `prepare` runs before the measurement starts: imports, and what fills buffers once and for all.
    """
    ran = subprocess.run(
        [sys.executable, "-c", _MEASURED.format(prepare=prepare, work=work)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return int(ran.stdout.splitlines()[-1])
